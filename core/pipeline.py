"""The steps of one entry through `core`, in order.

 1. parse        bytes to entries, those already seen left out   core/feeds/new_entries.py
 2. normalize    a body in any form to one tree                  core/body/normalize.py
 3. blocks       the tree to blocks of lines, without widgets    core/body/walk.py
 4. metadata     title, author, date, first publisher            core/body/byline.py
 5. fixed rules  cut the lines that are junk in every source     core/body/rules.py
 6. learned      cut the lines that repeat in this source        core/body/boilerplate.py
 7. complete?    whether the article's page has to be read       core/body/clean.py
 8. sanitize     markup that cannot act                          core/body/html.py
 9. filter       the source's rules that keep an entry out       core/config/source.py
10. features     what fingerprints are made from                 core/dedup/fingerprint.py

Steps 2 to 8 are called by core/body/clean.py. An entry without an article in its feed comes again
with its page: core/page/extract.py chooses the blocks, which then pass steps 4 to 6 and 8 to 10.
Whether an entry is a repost is decided by core/dedup/merge.py, from values that the store holds
(workers/settle.py calls it); core/render/items.py makes the item that is published.

Everything that reads untrusted text happens here, in one call for a whole batch: a child process
runs it, so that a hostile document can be killed at its limit, and costs one trip to the child.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.body.boilerplate import LEAST, Boilerplate
from core.body.clean import CleanOptions, finish_entry, read_entry
from core.config.settings import Source
from core.config.source import filtered_by
from core.dedup.fingerprint import Features, features
from core.feeds.identity import plain_news
from core.models import Article, FeedEntry, Method, ParsedFeed
from core.page.extract import extract_page
from core.page.surroundings import following_page, may_continue
from core.urls import web_url

_boilerplate_of = lru_cache(maxsize=16)(Boilerplate.from_bytes)  # a source's pages come together
_LONGEST_BARE_TITLE = 300  # characters: the title was not read either, so it may be of any length
BATCH = 20  # entries a call: one trip to the child for many, and a limit that one cannot use up


class PreparedEntry(NamedTuple):
    """An entry after cleaning, ready for the search for reposts."""

    article: Article
    features: Features
    filtered: str | None  # the rule of its source that keeps it out


class Prepared(NamedTuple):
    """A batch after cleaning."""

    entries: tuple[PreparedEntry, ...]
    learned: bytes  # the source's boilerplate, with what these entries taught


class Read(NamedTuple):
    """A document, and what is new in it after cleaning, if the document alone decides that."""

    feed: ParsedFeed
    prepared: Prepared | None


class PreparedPage(NamedTuple):
    """An entry whose page was read."""

    entry: PreparedEntry
    signatures: tuple[int, ...]  # what the page teaches of its source's boilerplate


def read_news(
    parse: Callable[[], ParsedFeed],
    source: Source,
    seen: Mapping[bytes, bytes],
    learned: bytes | None,
) -> Read:
    """What `parse` gives, and with it what is new in it, if that is one batch and no more."""
    feed = parse()
    news = plain_news(feed, seen)
    if news is None or len(news) > BATCH:
        return Read(feed, None)
    return Read(feed, prepare(news, source, learned))


def prepare(entries: Sequence[FeedEntry], source: Source, learned: bytes | None) -> Prepared:
    """Clean `entries`, oldest first, so that each is cleaned by what those before it taught.

    A first batch has nothing before it: all of it is learned from before any of it is cleaned.
    """
    known = Boilerplate.from_bytes(learned)
    options = clean_options(source)
    readings = [read_entry(entry, options=options) for entry in reversed(entries)]
    first = len(known) < LEAST <= len(entries)
    if first:
        for reading in readings:
            known.learn(reading.signatures)
    articles = []
    for reading in readings:
        articles.append(finish_entry(reading, options=options, learned=known))
        if not first:
            known.learn(reading.signatures)
    finished = tuple(_with_features(article, source) for article in reversed(articles))
    return Prepared(finished, known.to_bytes())


def prepare_page(
    page: bytes,
    url: str,
    content_type: str | None,
    from_feed: Article,
    source: Source,
    learned: bytes | None = None,
    further: Sequence[bytes] = (),
) -> PreparedPage:
    """The better of an entry's page, its further pages with it, and the body of its feed."""
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
    """As `prepare_page`; or the address of the article's next page, which is to be read first."""
    following = following_page(page, url, content_type) if may_continue(page) else None
    return following or prepare_page(page, url, content_type, from_feed, source, learned)


def without_page(made: PreparedEntry) -> PreparedEntry:
    """The same entry, after the fetch of its page gave no better body."""
    return made._replace(article=made.article.model_copy(update={"needs_page": False}))


def bare(entry: FeedEntry, source: Source) -> PreparedEntry:
    """An entry whose body could not be read within the limits: its title and its link are news."""
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
    """The options of cleaning in a source's line of feeds.yaml."""
    return CleanOptions(
        remove=source.remove,
        keep_blocks=source.keep_blocks,
        junk_blocks=source.junk_blocks,
        full_text=source.full_text,
        fast=source.extraction == "fast",
    )
