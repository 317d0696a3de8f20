"""From what a source said to an article: every word of it, and nothing else.

Any shape becomes one tree, the tree becomes blocks, rules and what was learned cut lines, the rest
is written out, sanitised, and turned to text. Pure: options and learned boilerplate are arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast

from lxml import cssselect, etree

from core.body import boilerplate, byline
from core.body.blocks import (
    Block,
    links_of,
    pictures_of,
    text_of_blocks,
    to_html,
    with_played,
    without_cut_lines,
)
from core.body.boilerplate import Boilerplate
from core.body.contents import cut_contents
from core.body.html import drop_element, sanitize, spaced_text
from core.body.junk import is_truncated
from core.body.media import is_thumbnail
from core.body.normalize import Document, normalize, with_shared_link
from core.body.rules import Place, apply_fixed, is_prose, places
from core.body.walk import Walker
from core.models import CAME_KEPT, FOUND_KEPT, Article, FeedEntry, Method, Removed
from core.text import language_of, letters, squeeze, wide_share
from core.urls import web_url

# Pages of these kinds hold no more text than the feed: players, commits, abstracts, releases.
_NO_ARTICLE = re.compile(
    r"/(?:comments|commit|commits|compare|releases?|pull|issues|video|videos|watch|shorts|podcasts?|episodes?"
    r"|audio|abs|clip|reel)(?:[/?#.]|$)|[?&]v=[\w-]{11}(?:&|$)|\.(?:mp3|mp4|m4a|pdf|zip|png|jpe?g|gif)$",
    re.IGNORECASE,
)
# Latin letters. Of the whole texts of 777 public articles 21 have fewer than 1,000, two fewer than
# 200: what is longer is an article, what is shorter than a stub is an excerpt or a caption.
ENOUGH = 1000
STUB = 200
# A Chinese text has two fifths of the letters of its translation into English.
_WIDE_FACTOR = 2.5
_FULL_STOPS = frozenset(".。～~")
_MOST_REMOVED = 200  # lines reported of an entry; the record of a page with thousands stays small


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """The options of cleaning in a source's line of feeds.yaml."""

    remove: tuple[str, ...] = ()  # CSS selectors
    keep_blocks: tuple[str, ...] = ()  # parts of text that are never cut
    junk_blocks: tuple[str, ...] = ()  # parts of text that always are
    full_text: Literal["auto", "feed", "page"] = "auto"
    fast: bool = False  # pages: trafilatura makes its first pass only


DEFAULT = CleanOptions()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean article, and the marks by which its source's boilerplate is learned."""

    article: Article
    signatures: tuple[int, ...]


@dataclass(slots=True)
class Body:
    """A body on its way: blocks, the lines rules may judge, and what went."""

    blocks: list[Block]
    spots: list[Place]
    removed: list[Removed]
    from_markup: dict[str, str]
    signatures: tuple[int, ...] = ()
    head_lines: list[str] = field(default_factory=list)  # of a page, in front of the text
    is_guess: bool = False  # of a page: its text, found without knowing where it stands


@dataclass(slots=True)
class Reading:
    """An entry that was read but not judged by what its source taught."""

    entry: FeedEntry
    body: Body
    stated: byline.Metadata
    found: str  # its text before anything was cut

    @property
    def signatures(self) -> tuple[int, ...]:
        """The marks by which its source's boilerplate is learned."""
        return self.body.signatures


def clean_entry(
    entry: FeedEntry,
    *,
    options: CleanOptions = DEFAULT,
    learned: Boilerplate | None = None,
) -> Cleaned:
    """The article that a feed entry holds, by fixed rules and what its source taught."""
    reading = read_entry(entry, options=options)
    return Cleaned(finish_entry(reading, options=options, learned=learned), reading.signatures)


def read_entry(entry: FeedEntry, *, options: CleanOptions = DEFAULT) -> Reading:
    """An entry's lines with those cut that fixed rules cut; ready to be learned from."""
    raw = with_shared_link(entry.content or entry.summary, entry.link)
    document = normalize(raw, content_type=entry.content_type)
    base = entry.base or entry.link
    body = read_body(document, base=base, options=options)
    card = byline.cut_card(body.blocks, body.removed)
    if "author" in card:  # else the archive's editor would be the author
        entry = entry.model_copy(update={"author": card["author"], "authors": ()})
    stated = byline.read_metadata(entry, document.front | card, body.spots, body.from_markup)
    found = text_of_blocks(body.blocks)
    cut_fixed(body, markdown=document.shape == "markdown", options=options)
    return Reading(entry, body, stated, found)


def finish_entry(
    reading: Reading, *, options: CleanOptions = DEFAULT, learned: Boilerplate | None = None
) -> Article:
    """The article of an entry that was read. Once only: the lines are cut in place."""
    cut_learned(reading.body, options=options, learned=learned)
    return _article(reading, options)


def read_body(document: Document, *, base: str | None, options: CleanOptions) -> Body:
    """The blocks of a tree, without hidden elements and widgets."""
    walker = Walker(base)
    walker.removed += cut_selected(document.root, options.remove)
    walker.removed += cut_contents(document.root, base)
    blocks = walker.walk(document.root)
    return Body(blocks, places(blocks), walker.removed, walker.from_markup)


def cut_selected(root: etree._Element, selectors: tuple[str, ...]) -> list[Removed]:
    """Takes the elements of the source's own selectors out of the tree."""
    removed = []
    for selector in selectors:
        found = cssselect.CSSSelector(selector, translator="html")(root)
        for element in cast("list[etree._Element]", found):
            text = spaced_text(element)
            removed.append(Removed(rule=f"remove: {selector}", text=text[:500]))
            drop_element(element)
    return removed


def cut_fixed(body: Body, *, markdown: bool, options: CleanOptions) -> None:
    """Cuts lines: the source's own words first, then what fixed rules say."""
    for spot in body.spots:
        if any(pin in spot.line.text for pin in options.junk_blocks):
            spot.line.cut("pinned")
    apply_fixed(body.spots, markdown=markdown)
    body.signatures = boilerplate.signatures(body.spots)


def cut_learned(body: Body, *, options: CleanOptions, learned: Boilerplate | None) -> None:
    """Cuts what repeats in the source, and takes all lines that were cut out of the blocks."""
    if learned is not None:
        boilerplate.apply_learned(body.spots, learned)
    for spot in body.spots:
        if any(pin in spot.line.text for pin in options.keep_blocks):
            spot.line.rule = None
    body.removed += [
        Removed(rule=line.rule, text=(line.text or " ".join(line.images))[:500])
        for line in (spot.line for spot in body.spots)
        if line.rule
    ]
    body.blocks[:] = without_cut_lines(body.blocks)


def _article(reading: Reading, options: CleanOptions) -> Article:
    entry, body, stated = reading.entry, reading.body, reading.stated
    text = text_of_blocks(body.blocks)
    pictures = pictures_of(body.blocks)
    lead = _lead_image(entry, pictures)
    truncated = is_truncated(text) or any(item.rule == "read-more" for item in body.removed)
    wanted = not is_post(entry, reading.found, pictures, options) and needs_page(
        entry,
        text=text,
        paragraphs=count_paragraphs(body.blocks),
        truncated=truncated,
        full_text=options.full_text,
    )
    return Article(
        title=stated.title,
        author=stated.author,
        authors=entry.authors if stated.author == entry.author else (),
        published=stated.published,
        original_url=stated.original_url,
        link=web_url(entry.link),
        lead_image=lead,
        lead_alt=entry.image_alt if lead and not pictures else None,
        language=language_of(text or stated.title or "", entry.language),
        html=sanitize(to_html(body.blocks)),
        text=text,
        images=pictures,
        links=links_of(body.blocks),
        method=Method.FEED if entry.content and not wanted else Method.SUMMARY,
        needs_page=wanted,
        removed=tuple(body.removed[:_MOST_REMOVED]),
        categories=entry.categories or stated.topics,
        enclosures=with_played(
            tuple(file for file in entry.enclosures if web_url(file.url)), body.blocks
        ),
        came=(entry.content or entry.summary)[:CAME_KEPT],
        found=reading.found[:FOUND_KEPT],
    )


def count_paragraphs(blocks: list[Block]) -> int:
    """Blocks of text, long or short, captions and headings not counted."""
    return sum(
        1
        for block in blocks
        if not block.is_caption
        and not block.is_heading
        and any(line.letters >= 12 or is_prose(line) for line in block.lines)
    )


def _lead_image(entry: FeedEntry, pictures: tuple[str, ...]) -> str | None:
    if pictures:
        return pictures[0]
    stated = [entry.image] + [
        e.url for e in entry.enclosures if (e.type or "").startswith("image/")
    ]
    for address in stated:
        found = web_url(address, entry.base or entry.link)
        if found and not is_thumbnail(found):
            return found
    return None


def is_post(entry: FeedEntry, found: str, pictures: tuple[str, ...], options: CleanOptions) -> bool:
    """Whether an entry is a short post: its text is all there is, and its title was made of it.

    `found` is the text before lines were cut. A headline that stands again above a teaser, or
    alone, has no full stop and no picture: the page is read.
    """
    title, words = squeeze(entry.title or ""), squeeze(found)
    if options.full_text == "page" or not words or weight(found) >= ENOUGH or is_truncated(found):
        return False
    if not title or entry.bridged:
        return title in words
    if title == words:
        return bool(pictures) or found.rstrip()[-1:] in _FULL_STOPS
    begins_a_line = all(squeeze(line) != title for line in found.splitlines())
    ends = begins_a_line or (entry.title or "").rstrip()[-1:] in _FULL_STOPS
    return words.startswith(title) and ends


def needs_page(
    entry: FeedEntry, *, text: str, paragraphs: int, truncated: bool, full_text: str
) -> bool:
    """Whether the page should be read. `text` is the cleaned text of the feed's body."""
    if not entry.link or full_text == "feed" or _NO_ARTICLE.search(entry.link):
        return False
    if any((e.type or "").startswith(("audio/", "video/")) for e in entry.enclosures):
        return False
    if full_text == "page":
        return True
    count, title = letters(text), entry.title or ""
    if count == 0 or (count == letters(title) and squeeze(text) == squeeze(title)):
        return True
    size = weight(text)
    if size >= ENOUGH and not (truncated and size < 2 * ENOUGH):
        return False
    if truncated:
        return True
    if paragraphs >= 2:
        return False
    if entry.content and entry.summary and size >= 3 * weight(entry.summary):
        return False
    return size < STUB or not entry.content


def weight(text: str) -> float:
    """Length in Latin letters, whatever the script."""
    return letters(text) * (1 + (_WIDE_FACTOR - 1) * wide_share(text))
