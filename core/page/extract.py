"""Extract an article from a web page: select its blocks from the page's own markup and clean them.

Ordered lists, captions, tables, quotes and images are therefore preserved. The result is used only
if it has more text than the feed and agrees with it; otherwise the page is a paywall or error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from html import escape

from lxml import etree

from core import dates
from core.body import byline
from core.body.blocks import (
    Block,
    Line,
    links_of,
    pictures_of,
    text_of_blocks,
    to_html,
    with_played,
)
from core.body.boilerplate import Boilerplate
from core.body.clean import (
    DEFAULT,
    Body,
    Cleaned,
    CleanOptions,
    cut_fixed,
    cut_learned,
    cut_selected,
    read_body,
    weight,
)
from core.body.contents import cut_contents
from core.body.html import note_author_and_date, parse_page, sanitize
from core.body.junk import is_wall
from core.body.media import picture_key
from core.body.normalize import normalize, text_document
from core.body.rules import head_spots, is_prose, lines_to_judge
from core.body.walk import Walker
from core.feeds.charset import Decoded, decode
from core.models import FOUND_KEPT, Article, FeedEntry, Method, Removed
from core.page import extractors
from core.page.authors import shown_author, shown_date
from core.page.data import text_in_data
from core.page.features import PageBlocks
from core.page.head import PageMetadata, is_elsewhere, read_head
from core.page.kind import cut_unread, kind_of_page
from core.page.select import choose
from core.page.surroundings import head_lines, lead_blocks, lead_inside, part_of
from core.text import collapse, count_letters, language_of, letters_only, wide_share
from core.urls import web_url

# The largest of 177 public pages has 800,000 characters and 10,000 tags. Extractors take a minute
# for hostile documents of two million characters, and minutes for more tags.
MOST_CHARACTERS = 2 * 2**20
MOST_TAGS = 40_000
AGREES = 0.8  # share of the feed's four-grams in the page's text; a feed may add its own footer
_CUT_TITLE = re.compile(r"(.{6,}?)\s*(?:…|\.{3,}|。。。)$", re.DOTALL)
_MOST_LOST = 0.005  # share of invalid characters; more is another encoding or not text
# In Latin letters. Of 777 public articles two are shorter than 120 letters and 41 shorter than
# 1,500. Only these are checked for phrases of paywalls and error pages, which are short.
_LEAST_WEIGHT = 120.0
_WALL_WEIGHT = 1500.0
# Visible share of the text in the page's data. 100 of 1,788 public pages have such data. A page
# that shows .04 of it is a teaser; the others show .38 or more, and 43 of 59 with known text are as
# good or better.
_FRAGMENT = 0.2
_THREAD = 1.5  # of `Kind.forum`, before posts are counted: a forum's URL or software


def extract_page(
    data: bytes,
    *,
    url: str | None,
    content_type: str | None = None,
    feed: Article | None = None,
    options: CleanOptions = DEFAULT,
    learned: Boilerplate | None = None,
    further: Sequence[bytes] = (),
) -> Cleaned | None:
    """The article of a page; None if it is not better than the feed's text.

    `further` are the following pages of the same article, in order.
    """
    decoded = decode(data, content_type=content_type)
    document = text_document(decoded.text, content_type)
    page, root = parse_page("" if document else decoded.text[:MOST_CHARACTERS])
    head = read_head(root, url)
    if document is not None:
        body = read_body(document, base=url, options=options)
    else:
        _read_shown(page, root, head)
        body = _page_body(page, root, head, options, feed.text if feed else "")
    for more in further:
        _append_page(body, more, head, options)
    stated = _stated_metadata(head, body, url)
    if stated.published is None and document is None:
        stated.published = extractors.guessed_date(root)
    found = text_of_blocks(body.blocks)
    cut_fixed(body, markdown=document is not None, options=options)
    cut_learned(body, options=options, learned=learned)
    text = text_of_blocks(body.blocks)
    if not _is_readable(decoded) or not _is_better(text, stated.title, feed):
        return None
    article = _article(body, text, head, stated, url, feed)
    return Cleaned(article.model_copy(update={"found": found[:FOUND_KEPT]}), body.signatures)


def _read_shown(page: str, root: etree._Element, head: PageMetadata) -> None:
    """Add author and date from the visible page to the metadata of the head."""
    is_thread = kind_of_page(page, root, 0).forum >= _THREAD
    head.shown_author = shown_author(root, head.site, thread=is_thread)
    chinese = wide_share(head.title or "") > 0.3
    shown = shown_date(root, head.title, chinese=chinese, language=head.language)
    if head.published and shown and head.is_rebuilt and _is_days_before(shown, head.published):
        head.published = shown
    head.published = _more_exact(head.published, shown)


def _is_days_before(shown: str, stated: str) -> bool:
    """Whether a shown day is earlier than a stated one by more than a time zone.

    If a page states the same day for publication and last change, software generated it. Of 10 such
    public pages that show an earlier day, 9 show the day of publication.
    """
    days = (date.fromisoformat(stated[:10]) - date.fromisoformat(shown[:10])).days
    return days > (0 if dates.is_day(stated) else 1)


def _page_body(
    page: str, root: etree._Element, head: PageMetadata, options: CleanOptions, anchor: str = ""
) -> Body:
    """The blocks of the article, with the page's own markup; `anchor` is the feed's text."""
    removed = cut_selected(root, options.remove) + cut_unread(root) + cut_contents(root, head.base)
    if removed:
        page = str(etree.tostring(root, encoding="unicode", method="html"))
    walker = Walker(head.base, judging=False)
    blocks = walker.walk(root)
    if page.count("<") > MOST_TAGS:
        kept = [block for block in blocks if any(is_prose(line) for line in block.lines)]
        return Body(kept, lines_to_judge(kept), removed, {}, is_guess=True)
    texts = extractors.extracted_texts(page, root, fast=options.fast)
    worded = [b for b in blocks if b.kind != "embed" and any(line.letters for line in b.lines)]
    choice = choose(
        blocks, PageBlocks(worded, root, head.title or ""), page, texts, anchor, head.base
    )
    removed += walker.removed
    removed += [Removed(rule="page", text=_words_of(block)) for block in choice.dropped]
    if choice.is_front_page:
        return Body([], [], removed, {})
    size = weight(text_of_blocks(choice.kept))
    body = _data_body(root, head, options, size)
    if body is not None:
        body.removed[:0] = removed
        return body
    longest = max([text or "" for text in (*texts, head.description)], key=weight)
    if size < min(_LEAST_WEIGHT, weight(longest)):
        guessed = [Block("p", [_plain_line(line)]) for line in longest.splitlines() if line.strip()]
        return Body(guessed, lines_to_judge(guessed), removed, {}, is_guess=True)
    part = part_of(choice.kept, root)
    lines, from_markup = head_lines(part)
    lines += choice.beside
    note_author_and_date(part, from_markup)
    lead = lead_blocks(part, head.base) or lead_inside(blocks, choice.kept)
    kept, from_markup = _with_lead(lead, choice.kept), {**walker.from_markup, **from_markup}
    return Body(kept, lines_to_judge(kept), removed, from_markup, head_lines=lines)


def _data_body(
    root: etree._Element, head: PageMetadata, options: CleanOptions, shown: float
) -> Body | None:
    """The text in the data of a script-rendered page; `shown` is the weight of its visible part."""
    data = text_in_data(root, head.title, head.description) if shown < _WALL_WEIGHT else ""
    if not data:
        return None
    body = read_body(normalize(data), base=head.base, options=options)
    body.is_guess = True
    return body if shown < _FRAGMENT * weight(text_of_blocks(body.blocks)) else None


def _plain_line(text: str) -> Line:
    text = collapse(text).strip()
    return Line(html=escape(text, quote=False), text=text)


def _with_lead(lead: list[Block], blocks: list[Block]) -> list[Block]:
    """Prepend the lead image, unless the text contains it."""
    shown = {picture_key(image) for image in pictures_of(blocks)}
    if any(picture_key(image) in shown for image in pictures_of(lead)):
        return blocks
    return lead + blocks


def _words_of(block: Block) -> str:
    return " ".join(line.text for line in block.lines)[:500]


def _append_page(body: Body, more: bytes, head: PageMetadata, options: CleanOptions) -> None:
    """Append the blocks of the next page, without those that both pages share."""
    page, root = parse_page(decode(more).text[:MOST_CHARACTERS])
    added = _page_body(page, root, head, options)
    known = {_words_of(block) for block in body.blocks}
    fresh = [block for block in added.blocks if _words_of(block) not in known]
    body.blocks += fresh
    body.spots += lines_to_judge(fresh)
    body.removed += added.removed


def _stated_metadata(head: PageMetadata, body: Body, url: str | None) -> byline.Metadata:
    """Metadata of the page: from its head first, then from its text."""
    card = byline.cut_card(body.blocks, body.removed)
    author = card.get("author") or head.author
    entry = FeedEntry(guid="", position=0, title=head.title, link=url, author=author)
    front = {"canonical": head.canonical} if is_elsewhere(head.canonical, url) else {}
    if head.published:
        front["date"] = head.published
    named = head.shown_author or head.organization
    if named:
        front["author"] = named
    stated = card | {name: value for name, value in front.items() if value}
    body.from_markup.pop("author", None)  # `shown_author` has considered more candidates
    # A line that is also in the body is read there, where captions and headings are known.
    held = {spot.line.text for spot in body.spots}
    above = list(dict.fromkeys(line for line in body.head_lines if line not in held))
    return byline.read_metadata(entry, stated, body.spots, body.from_markup, head_spots(above))


def _is_readable(decoded: Decoded) -> bool:
    """Whether the bytes are text; a few invalid bytes are common."""
    lost = decoded.text.count("\ufffd")
    return decoded.sure or ("<" in decoded.text and lost <= _MOST_LOST * len(decoded.text))


def _is_better(text: str, title: str | None, feed: Article | None) -> bool:
    """Whether the page's text is an article, and longer than the feed's."""
    size = weight(text)
    if size < _LEAST_WEIGHT or (size < _WALL_WEIGHT and is_wall(title, text)):
        return False
    if feed is None or count_letters(feed.text) < 40:
        return True
    if count_letters(text) <= count_letters(feed.text):
        return False
    wanted = extractors.four_grams(feed.text.rstrip("…. []"))
    return extractors.common_share(wanted, extractors.four_grams(text)) >= AGREES


def _article(
    body: Body,
    text: str,
    head: PageMetadata,
    stated: byline.Metadata,
    url: str | None,
    feed: Article | None,
) -> Article:
    """The page's body with the feed's metadata; the page adds what the feed does not state."""
    pictures = pictures_of(body.blocks)
    base = feed or Article(link=web_url(url))
    lead = (pictures[0] if pictures else None) or base.lead_image or head.image
    alt = base.lead_alt if base.lead_image else head.image_alt
    stated_language = (head.language or "")[:2].lower() or None
    return base.model_copy(
        update={
            "title": _whole_title(base.title, stated.title),
            "author": base.author or stated.author,
            "published": _more_exact(base.published, stated.published),
            "original_url": base.original_url or stated.original_url,
            "lead_image": lead,
            "lead_alt": None if pictures else alt,
            "language": language_of(text, base.language or stated_language),
            "html": sanitize(to_html(body.blocks)),
            "text": text,
            "images": pictures,
            "links": links_of(body.blocks),
            "enclosures": with_played(base.enclosures, body.blocks),
            "method": Method.SUMMARY if body.is_guess else Method.PAGE,
            "needs_page": False,
            "removed": tuple(body.removed[:200]),
        }
    )


def _whole_title(feed: str | None, page: str | None) -> str | None:
    """The feed's title; the page's, if the feed truncated it: “Ferry runs again after se…”."""
    begun = _CUT_TITLE.match(feed or "")
    if feed and page and begun and letters_only(page).startswith(letters_only(begun[1])):
        return page
    return feed or page


def _more_exact(feed: str | None, page: str | None) -> str | None:
    """The feed's time; the page's, if the feed states only the day and both agree."""
    if feed and page and dates.is_day(feed) and page.startswith(feed):
        return page
    return feed or page
