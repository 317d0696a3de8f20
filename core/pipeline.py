"""The steps of one entry through `core`, in order.

 1. parse        bytes to entries, known entries left out        core/feeds/new_entries.py
 2. normalize    a body in any format to one tree                core/body/normalize.py
 3. blocks       the tree to blocks of lines, without widgets    core/body/walk.py
 4. metadata     title, author, date, first publisher            core/body/byline.py
 5. fixed rules  cut lines that are junk in every source         core/body/rules.py
 6. learned      cut lines that repeat in this source            core/body/boilerplate.py
 7. complete?    whether the article's page must be fetched      core/body/clean.py
 8. sanitize     remove scripts and unsafe markup                core/body/html.py
 9. filter       drop entries by the source's filter rules       core/config/source.py
10. features     what fingerprints are computed from             core/dedup/fingerprint.py

core/body/clean.py calls steps 2 to 8. An entry without an article in its feed passes twice: the
second time with its page, whose blocks core/page/extract.py selects; they pass steps 4 to 6 and
8 to 10. core/dedup/merge.py decides whether an entry is a repost, from values in the store
(workers/settle.py calls it). core/render/items.py renders the published item.

All untrusted text is read here, one call per batch. A child process makes the call, so a hostile
document can be killed at its limit, and a batch costs one round trip to the child.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.body.boilerplate import LEAST, Boilerplate
from core.body.clean import CleanOptions, finish_entry, parse_entry
from core.config.settings import Source
from core.config.source import filtered_by
from core.dedup.fingerprint import Features, features
from core.feeds.identity import plain_news
from core.feeds.paths import title_in_path
from core.models import Article, FeedEntry, Method, ParsedFeed
from core.page.extract import extract_page
from core.page.surroundings import following_page, may_continue
from core.urls import web_url

# pages of one source are read in succession
_boilerplate_of = lru_cache(maxsize=16)(Boilerplate.from_bytes)
_LONGEST_BARE_TITLE = 300  # characters: a title that was never cleaned may have any length
BATCH = 20  # entries per call: few round trips to the child, and no entry uses up the limit alone


class PreparedEntry(NamedTuple):
    """An entry after cleaning, ready for the search for reposts."""

    article: Article
    features: Features
    filtered: str | None  # the rule of its source that drops it


class Prepared(NamedTuple):
    """A batch after cleaning."""

    entries: tuple[PreparedEntry, ...]
    learned: bytes  # the source's boilerplate, updated with these entries


class ParsedDocument(NamedTuple):
    """A parsed document; `prepared` is set if its new entries could be cleaned in the same call."""

    feed: ParsedFeed
    prepared: Prepared | None


class PreparedPage(NamedTuple):
    """An entry whose page was read."""

    entry: PreparedEntry
    signatures: tuple[int, ...]  # block signatures of the page, for the source's boilerplate


def read_news(
    parse: Callable[[], ParsedFeed],
    source: Source,
    seen: Mapping[bytes, bytes],
    learned: bytes | None,
) -> ParsedDocument:
    """Parse a document, and clean its new entries in the same call if possible.

    This requires that they fit in one batch, and that no stored record is needed to find them.
    """
    feed = parse()
    news = plain_news(feed, seen)
    if news is None or len(news) > BATCH:
        return ParsedDocument(feed, None)
    return ParsedDocument(feed, prepare(news, source, learned))


def prepare(entries: Sequence[FeedEntry], source: Source, learned: bytes | None) -> Prepared:
    """Clean `entries`, oldest first, each with the boilerplate learned from earlier ones.

    A source's first batch has no earlier entries: all of them are learned before any is cleaned.
    """
    known = Boilerplate.from_bytes(learned)
    options = clean_options(source)
    if len(entries) == 1 and entries[0].version and entries[0].content_type == "html":
        return _prepare_page_file(entries[0], source, known)
    readings = [parse_entry(entry, options=options) for entry in reversed(entries)]
    first = len(known) < LEAST <= len(entries)
    if first:
        for reading in readings:
            known.learn(reading.signatures)
    articles = []
    for reading in readings:
        article = finish_entry(reading, options=options, learned=known)
        if article.title is None and reading.entry.version:  # else nothing names the article
            article = article.model_copy(update={"title": title_in_path(reading.entry.guid)})
        articles.append(article)
        if not first:
            known.learn(reading.signatures)
    finished = tuple(_with_features(article, source) for article in reversed(articles))
    return Prepared(finished, known.to_bytes())


def _prepare_page_file(entry: FeedEntry, source: Source, known: Boilerplate) -> Prepared:
    """A web page that is a file of a folder; only these have a version and come one by one."""
    page, bare = entry.content.encode(), title_only(entry, source).article
    learned = known.to_bytes()
    made = prepare_page(page, entry.base or "", "text/html; charset=utf-8", bare, source, learned)
    known.learn(made.signatures)
    return Prepared((made.entry,), known.to_bytes())


def prepare_page(
    page: bytes,
    url: str,
    content_type: str | None,
    from_feed: Article,
    source: Source,
    learned: bytes | None = None,
    further: Sequence[bytes] = (),
) -> PreparedPage:
    """The entry with the better of two bodies: its page (with `further` pages) or its feed's."""
    from_page = extract_page(
        page,
        url=url,
        content_type=content_type,
        feed=from_feed,
        options=clean_options(source),
        learned=_boilerplate_of(learned),
        further=further,
    )
    if from_page is None:
        return PreparedPage(without_page(_with_features(from_feed, source)), ())
    return PreparedPage(_with_features(from_page.article, source), from_page.signatures)


def prepare_first_page(
    page: bytes,
    url: str,
    content_type: str | None,
    from_feed: Article,
    source: Source,
    learned: bytes | None = None,
) -> PreparedPage | str:
    """As `prepare_page`; or, if the article continues, the URL of the next page to fetch first."""
    following = following_page(page, url, content_type) if may_continue(page) else None
    return following or prepare_page(page, url, content_type, from_feed, source, learned)


def without_page(made: PreparedEntry) -> PreparedEntry:
    """The same entry, marked as complete after its page gave no better body."""
    return made._replace(article=made.article.model_copy(update={"needs_page": False}))


def title_only(entry: FeedEntry, source: Source) -> PreparedEntry:
    """An entry reduced to title and link, because its body exceeded the parser's limits."""
    article = Article(
        title=" ".join(entry.title[:_LONGEST_BARE_TITLE].split()) if entry.title else None,
        link=web_url(entry.link),
        published=entry.published.isoformat() if entry.published else None,
        method=Method.SUMMARY,
    )
    return _with_features(article, source)


def _with_features(article: Article, source: Source) -> PreparedEntry:
    filtered = filtered_by(article, source.filters, source)
    return PreparedEntry(article, features(article.title, article.text), filtered)


def clean_options(source: Source) -> CleanOptions:
    """The cleaning options of a source in feeds.yaml."""
    return CleanOptions(
        remove=source.remove,
        keep_blocks=source.keep_blocks,
        junk_blocks=source.junk_blocks,
        full_text=source.full_text,
        fast=source.extraction == "fast",
    )
