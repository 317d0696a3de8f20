"""Find what surrounds an article's text on its page: lists, lead image, byline, date, next page.

Extractors find the text. They drop short headings and lists of links. The image above it and
the byline are usually outside its element. Some articles are split into several pages.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile
from urllib.parse import urlsplit

from lxml import etree

from core.body import junk
from core.body.blocks import Block
from core.body.html import FromMarkup, note_author_and_date, parse_page, spaced_text
from core.body.walk import Walker
from core.feeds.charset import decode
from core.page.features import PageBlocks
from core.page.structure import article_of, is_linked, without_label
from core.text import collapse
from core.urls import canonical_url, host_of, web_url

_MOST_LEVELS = 6  # ancestors that are searched; higher ones contain the site's header and menus
_MOST_ABOVE = 12  # blocks between headline and text
_MOST_LINES = 40  # lines before the text that may contain author or date; menus have hundreds
_LONGEST_LINE = 90  # characters; “By …”, a date and a source together are shorter
_SMALLEST = 150  # pixels; smaller images before a text are portraits and icons
_ARTICLE = ("article", "main")
_SHARE = 0.9  # share of the letters; a standfirst or the last part may be outside
# Selected share of the letters in the element around the text; in others boxes lie between.
_ALONE = 0.7
# Authors write plain elements, templates give theirs a class. Of 977 public pages' rejected blocks
# without one, between selected text, all 98 headings and 107 of 113 list items belong to it.
_WRITTEN = re.compile(r"(?:wp-block-(?:list|heading)|footnotes?(?:-\w+)?|simple|section)(?:\s|$)")
_ITEMS = ("li", "dt", "dd")


def part_of(blocks: list[Block], root: etree._Element) -> etree._Element:
    """The smallest element that contains nine tenths of the blocks' letters."""
    held: defaultdict[etree._Element, int] = defaultdict(int)
    whole = 0
    for block in blocks:
        size = _letters(block)
        whole += size
        for place in _around(block):
            held[place] += size
    part = root
    while True:
        best = max((child for child in part if child in held), key=held.__getitem__, default=None)
        if best is None or held[best] < _SHARE * whole:
            return part
        part = best


def add_written(page: PageBlocks, is_kept: dict[int, bool], base: str | None) -> None:
    """Add rejected headings and list items that have the plain markup of the text around them.

    After the text only lists without links, or with links to other sites, such as references and
    footnotes; a list of the site's own articles is not part of it.
    """
    part = part_of([block for block in page.blocks if is_kept[id(block)]], page.root)
    inside = [block for block in page.blocks if part in _around(block)]
    kept = sum(_letters(block) for block in inside if is_kept[id(block)])
    if kept < _ALONE * sum(map(_letters, inside)):
        return
    written = [block for block in inside if _is_written(block, part)]
    last = max((here for here, block in enumerate(written) if is_kept[id(block)]), default=0)
    begun, heading = False, ""
    for here, block in enumerate(written):
        text = junk.fold(" ".join(line.text for line in block.lines))
        heading = text if block.is_heading else heading
        begun = begun or is_kept[id(block)]
        if not begun or not (block.is_heading or any(map(block.inside, _ITEMS))):
            continue
        if not (junk.line_rule(text) or junk.is_related(text) or junk.is_related(heading)):
            is_kept[id(block)] |= here < last or _leads_away(block, base)


def _leads_away(block: Block, base: str | None) -> bool:
    links = [link for line in block.lines for link in line.links]
    return not is_linked(block) or all(host_of(link) != host_of(base or "") for link in links)


def _is_written(block: Block, part: etree._Element) -> bool:
    """Whether no element between the one around the text and a block has a template's class."""
    names = [each.get("class") for each in takewhile(lambda each: each is not part, _around(block))]
    return all(not each or _WRITTEN.match(each) for each in names)


def _around(block: Block) -> Iterator[etree._Element]:
    """The element of a block, and those around it."""
    if block.owner is not None:
        yield block.owner
        yield from block.owner.iterancestors()


def _letters(block: Block) -> int:
    return sum(line.letters for line in block.lines)


def lead_blocks(part: etree._Element, base: str | None) -> list[Block]:
    """The image, with its caption, between the headline and the text."""
    for element in _elements_before(part):
        if next(element.iter("img", "amp-img"), None) is None:
            continue
        if element.tag != "figure" and next(element.iter("a"), None) is not None:
            continue
        blocks = [block for block in Walker(base).walk(element) if _is_lead(block)]
        if any(line.images for block in blocks for line in block.lines):
            return blocks[:3]
    return []


def lead_inside(blocks: list[Block], kept: list[Block]) -> list[Block]:
    """The figure above the first selected block, with its caption, inside the `article` element.

    It is below the headline, with a date or label between it and the text, or directly above a
    headline in the same `article`.
    """
    if not kept:
        return []
    first = next(here for here, block in enumerate(blocks) if block.owner is kept[0].owner)
    above = blocks[max(0, first - _MOST_ABOVE) : first + 1]
    heading = max((here for here, block in enumerate(above) if block.kind == "h1"), default=-1)
    if heading < 0:
        return []
    article = article_of(above[heading])
    over = [] if article is None else above[:heading]
    over = [block for block in over if article_of(block) is article]
    return _lead_figure(above[heading + 1 : -1]) or _lead_figure(over)


def _lead_figure(above: list[Block]) -> list[Block]:
    figures = [without_label(block) for block in above if block.inside("figure")]
    if any(line.links for block in figures for line in block.lines if line.images):
        return []
    lead = [block for block in figures if _is_lead(block)]
    return lead[:3] if any(line.images for block in lead for line in block.lines) else []


def head_lines(part: etree._Element) -> tuple[list[str], FromMarkup]:
    """Short texts before the article, and the metadata in their markup."""
    from_markup: FromMarkup = {}
    lines: list[str] = []
    for element in reversed(_elements_before(part)):
        note_author_and_date(element, from_markup)
        texts = [collapse(str(text)).strip() for text in element.itertext()]
        if len(texts) > 1:
            texts.append(spaced_text(element))
        lines += [text for text in texts if 1 < len(text) <= _LONGEST_LINE]
    return lines[-_MOST_LINES:], from_markup


def _elements_before(part: etree._Element) -> list[etree._Element]:
    """Elements before the text, nearest first, up to the headline or the start of the article."""
    found: list[etree._Element] = []
    element = part
    for _ in range(_MOST_LEVELS):
        for sibling in element.itersiblings(preceding=True):
            if not isinstance(sibling.tag, str) or sibling.tag in ("nav", "script", "style"):
                continue
            found.append(sibling)
            if sibling.tag == "h1" or next(sibling.iter("h1"), None) is not None:
                return found
        parent = element.getparent()
        if parent is None or element.tag in _ARTICLE or parent.tag == "body":
            break
        element = parent
    return found


def _is_lead(block: Block) -> bool:
    if block.is_caption:
        return True
    return any(
        line.images and not line.letters and not _has_small_size(line.html) for line in block.lines
    )


def _has_small_size(markup: str) -> bool:
    for name in (' width="', ' height="'):
        at = markup.find(name)
        if at >= 0:
            value = markup[at + len(name) :].partition('"')[0]
            if value.isdigit() and int(value) < _SMALLEST:
                return True
    return False


MOST_PAGES = 8  # per article, one request each; also ends loops of “next” links
_NEXT = re.compile(
    r"^(?:下一页|下一頁|下页|下頁|后一页|next(?: page)?|page suivante|suivant|nächste(?: seite)?"
    r"|weiter|siguiente|página siguiente|pagina successiva|próxima|volgende)\s*[>»›→]*$",
    re.IGNORECASE,
)
# Searched in lower-cased bytes. Fixed bytes at the start make the search fast. `rel` contains few
# words; without a bound, a page of blanks took minutes.
_HINTS = (
    re.compile(rb"rel\s{0,9}=\s{0,9}[\"']?[\w ]{0,80}next"),
    re.compile(
        rb">\s*(?:next|suivant|weiter|siguiente|volgende|pr\xc3\xb3xima"
        rb"|p\xc3\xa1gina siguiente|pagina successiva|page suivante|n\xc3\xa4chste)"
    ),
)
_HINTS_BEYOND_ASCII = (
    re.compile(rb"\xe4\xb8\x8b(?:\xe4\xb8\x80)?\xe9"),  # 下页, 下一页
    re.compile(rb"\xe5\x90\x8e\xe4\xb8\x80\xe9"),  # 后一页
    re.compile(rb"\xcf\xc2(?:\xd2\xbb)?\xd2\xb3"),  # 下页, 下一页 in GBK
    re.compile(rb"\xa4u(?:\xa4@)?\xad\xb6"),  # 下頁, 下一頁 in Big5
)
_NUMBER = re.compile(r"(?:^|[_\-/=?&]|page)(\d{1,2})(?=$|\.\w{3,5}$|/$|&)", re.IGNORECASE)


def may_continue(page: bytes) -> bool:
    """Whether the page may link to a next page; checks the bytes without parsing."""
    lowered = page.lower()
    hints = _HINTS if page.isascii() else _HINTS + _HINTS_BEYOND_ASCII
    return any(hint.search(lowered) for hint in hints)


def following_page(page: bytes, url: str, content_type: str | None) -> str | None:
    """The URL of the next page, from the bytes of this one."""
    root = parse_page(decode(page, content_type=content_type).text)[1]
    return next_page(root, url)


def next_page(root: etree._Element, url: str) -> str | None:
    """The URL of the article's next page, if the page has an unambiguous link to it."""
    for element in root.iter("link", "a"):
        found = web_url(element.get("href"), url) if _is_next_link(element) else None
        if found and _continues(found, url):
            return found
    return None


def _is_next_link(element: etree._Element) -> bool:
    if "next" in (element.get("rel") or "").lower().split():
        return True
    return element.tag == "a" and _NEXT.match(spaced_text(element)[:40]) is not None


def _continues(found: str, url: str) -> bool:
    """Whether two URLs differ only in a page number that is higher by one.

    “Next” may also lead to the next article; only numbers under the same stem are pages of this
    one.
    """
    if canonical_url(found) == canonical_url(url) or urlsplit(found).netloc != urlsplit(url).netloc:
        return False
    stem, number = _stem(found)
    if number == 2 and stem == _bare(_tail(url)):
        return True
    own_stem, own_number = _stem(url)
    return number is not None and stem == own_stem and number == (own_number or 1) + 1


def _stem(address: str) -> tuple[str, int | None]:
    tail = _tail(address)
    matches = list(_NUMBER.finditer(tail))
    if not matches:
        return _bare(tail), None
    last = matches[-1]
    return _bare(tail[: last.start()] + tail[last.end() :]), int(last[1])


def _tail(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + ("?" + parts.query if parts.query else "")


def _bare(tail: str) -> str:
    return re.sub(r"(?:/?(?:page|index)|\.\w{3,5})?[/?&=_-]*$", "", tail, flags=re.IGNORECASE)
