"""Clean a feed entry into an article: the complete text without anything else.

The body becomes a tree, the tree becomes blocks, fixed and learned rules cut lines, and the rest is
rendered, sanitized and converted to text. Options and learned boilerplate are arguments.
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
from core.body.edges import cut_ends
from core.body.html import drop_element, sanitize, spaced_text
from core.body.junk import is_truncated
from core.body.media import is_thumbnail
from core.body.normalize import NormalizedBody, normalize, with_shared_link
from core.body.rules import Place, apply_fixed, is_prose, lines_to_judge
from core.body.walk import Walker
from core.models import CAME_KEPT, FOUND_KEPT, Article, FeedEntry, Method, Removed
from core.text import count_letters, language_of, letters_only, wide_share
from core.urls import is_decoration, web_url

# Pages of these kinds have no more text than the feed: players, commits, abstracts, releases.
_NO_ARTICLE = re.compile(
    r"/(?:comments|commit|commits|compare|releases?|pull|issues|video|videos|watch|shorts|podcasts?|episodes?"
    r"|audio|abs|clip|reel)(?:[/?#.]|$)|[?&]v=[\w-]{11}(?:&|$)|\.(?:mp3|mp4|m4a|pdf|zip|png|jpe?g|gif)$",
    re.IGNORECASE,
)
# In Latin letters. Of 777 public full texts, 21 have fewer than 1,000 letters and two fewer than
# 200: a longer text is an article, a text below STUB is an excerpt or a caption.
ENOUGH = 1000
STUB = 200
# A Chinese text has two fifths of the letters of its English translation.
_WIDE_FACTOR = 2.5
_FULL_STOPS = frozenset(".。～~")
_MOST_REMOVED = 200  # reported lines per entry; limits the size of its record


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """The cleaning options of a source in feeds.yaml."""

    remove: tuple[str, ...] = ()  # CSS selectors
    keep_blocks: tuple[str, ...] = ()  # text fragments; matching blocks are never cut
    junk_blocks: tuple[str, ...] = ()  # text fragments; matching blocks are always cut
    full_text: Literal["auto", "feed", "page"] = "auto"
    fast: bool = False  # trafilatura makes only its first pass on pages


DEFAULT = CleanOptions()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean article, and the line signatures from which boilerplate is learned."""

    article: Article
    signatures: tuple[int, ...]


@dataclass(slots=True)
class Body:
    """A body in progress: blocks, lines that rules may cut, and dropped elements."""

    blocks: list[Block]
    spots: list[Place]
    removed: list[Removed]
    from_markup: dict[str, str]
    signatures: tuple[int, ...] = ()
    head_lines: list[str] = field(default_factory=list)  # lines of a page before its text
    is_guess: bool = False  # text of a page found without a known container


@dataclass(slots=True)
class ParsedEntry:
    """An entry after the fixed rules, before learned boilerplate is cut."""

    entry: FeedEntry
    body: Body
    stated: byline.Metadata
    found: str  # its text before any line was cut

    @property
    def signatures(self) -> tuple[int, ...]:
        """The line signatures from which boilerplate is learned."""
        return self.body.signatures


def clean_entry(
    entry: FeedEntry,
    *,
    options: CleanOptions = DEFAULT,
    learned: Boilerplate | None = None,
) -> Cleaned:
    """The article in a feed entry, cleaned by fixed rules and `learned` boilerplate."""
    reading = parse_entry(entry, options=options)
    return Cleaned(finish_entry(reading, options=options, learned=learned), reading.signatures)


def parse_entry(entry: FeedEntry, *, options: CleanOptions = DEFAULT) -> ParsedEntry:
    """Parse an entry and apply the fixed rules; its signatures can then be learned."""
    raw = with_shared_link(entry.content or entry.summary, entry.link)
    document = normalize(raw, content_type=entry.content_type)
    base = entry.base or entry.link
    body = read_body(document, base=base, options=options)
    card = byline.cut_card(body.blocks, body.removed)
    if "author" in card:  # else the editor of the archive would be the author
        entry = entry.model_copy(update={"author": card["author"], "authors": ()})
    stated = byline.read_metadata(entry, document.front | card, body.spots, body.from_markup)
    found = text_of_blocks(body.blocks)
    cut_fixed(body, markdown=document.shape == "markdown", options=options)
    return ParsedEntry(entry, body, stated, found)


def finish_entry(
    reading: ParsedEntry, *, options: CleanOptions = DEFAULT, learned: Boilerplate | None = None
) -> Article:
    """The article of a parsed entry. Call once: lines are cut in place."""
    cut_learned(reading.body, options=options, learned=learned)
    return _article(reading, options)


def read_body(document: NormalizedBody, *, base: str | None, options: CleanOptions) -> Body:
    """The blocks of a tree, without hidden elements and widgets."""
    walker = Walker(base)
    walker.removed += cut_selected(document.root, options.remove)
    walker.removed += cut_contents(document.root, base)
    blocks = walker.walk(document.root)
    return Body(blocks, lines_to_judge(blocks), walker.removed, walker.from_markup)


def cut_selected(root: etree._Element, selectors: tuple[str, ...]) -> list[Removed]:
    """Remove the elements that match the source's `remove` selectors."""
    removed = []
    for selector in selectors:
        found = cssselect.CSSSelector(selector, translator="html")(root)
        for element in cast("list[etree._Element]", found):
            text = spaced_text(element)
            removed.append(Removed(rule=f"remove: {selector}", text=text[:500]))
            drop_element(element)
    return removed


def cut_fixed(body: Body, *, markdown: bool, options: CleanOptions) -> None:
    """Cut lines by the source's `junk_blocks`, then by fixed rules."""
    for spot in body.spots:
        if any(pin in spot.line.text for pin in options.junk_blocks):
            spot.line.cut("pinned")
    apply_fixed(body.spots, markdown=markdown)
    cut_ends(body.spots, body.blocks)
    body.signatures = boilerplate.signatures(body.spots)


def cut_learned(body: Body, *, options: CleanOptions, learned: Boilerplate | None) -> None:
    """Cut lines that repeat in the source; drop all cut lines from the blocks."""
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


def _article(reading: ParsedEntry, options: CleanOptions) -> Article:
    entry, body, stated = reading.entry, reading.body, reading.stated
    text = text_of_blocks(body.blocks)
    pictures = pictures_of(body.blocks)
    lead = _lead_image(entry, pictures)
    truncated = is_truncated(text) or any(item.rule == "read-more" for item in body.removed)
    wanted = not is_short_post(entry, reading.found, pictures, options) and needs_page(
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
        comments=entry.comments,
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
    """Number of text blocks of any length, without captions and headings."""
    return sum(
        1
        for block in blocks
        if not block.is_caption
        and not block.is_heading
        and any(line.letters >= 12 or is_prose(line) for line in block.lines)
    )


def _lead_image(entry: FeedEntry, pictures: tuple[str, ...]) -> str | None:
    if pictures:
        return next((each for each in pictures if not is_decoration(each)), None)
    stated = [entry.image] + [
        e.url for e in entry.enclosures if (e.type or "").startswith("image/")
    ]
    for address in stated:
        found = web_url(address, entry.base or entry.link)
        if found and not is_thumbnail(found):
            return found
    return None


def is_short_post(
    entry: FeedEntry, found: str, pictures: tuple[str, ...], options: CleanOptions
) -> bool:
    """Whether an entry is a short post: its text is complete, and its title repeats the text.

    `found` is the text before lines were cut. A title that is repeated above a teaser, or alone,
    has neither full stop nor image; then the page is fetched.
    """
    title, words = letters_only(entry.title or ""), letters_only(found)
    if options.full_text == "page" or not words or weight(found) >= ENOUGH or is_truncated(found):
        return False
    if not title or entry.bridged:
        return title in words
    if title == words:
        return bool(pictures) or found.rstrip()[-1:] in _FULL_STOPS
    begins_a_line = all(letters_only(line) != title for line in found.splitlines())
    ends = begins_a_line or (entry.title or "").rstrip()[-1:] in _FULL_STOPS
    return words.startswith(title) and ends


def needs_page(
    entry: FeedEntry, *, text: str, paragraphs: int, truncated: bool, full_text: str
) -> bool:
    """Whether to fetch the page. `text` is the cleaned text of the feed's body."""
    if not entry.link or full_text == "feed" or _NO_ARTICLE.search(entry.link):
        return False
    if any((e.type or "").startswith(("audio/", "video/")) for e in entry.enclosures):
        return False
    if full_text == "page":
        return True
    count, title = count_letters(text), entry.title or ""
    if count == 0 or (count == count_letters(title) and letters_only(text) == letters_only(title)):
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
    """The length of a text in Latin letters, adjusted for Chinese."""
    return count_letters(text) * (1 + (_WIDE_FACTOR - 1) * wide_share(text))
