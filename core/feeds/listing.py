"""A web page that lists articles, read as a feed: links, titles and dates, no bodies.

The links are those of a CSS selector, or of the one list on the page that looks like articles:
many links of one shape, with long texts, outside of menus.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import lxml.html
from lxml import etree

from core.dates import parse_date
from core.errors import NotAFeed
from core.feeds.charset import decode
from core.models import FeedEntry, ParsedFeed
from core.text import letters, plain_title, wide_share
from core.urls import canonical_url, host_of, web_url

ENTRIES_KEPT = 200  # links; what is beyond is an archive
LEAST = 3  # links that make a list
PLAIN_LEAST = 8  # links that make a list beyond doubt
TITLE_LEAST = 15  # letters of a headline; half as many in Chinese
_CLIMB = 5  # elements from a link up to the item that holds its date
_SHAPE = 4  # elements of the path that links of one list share

_MENUS = frozenset(("nav", "header", "footer", "aside", "form", "button", "select"))
_MENU_NAME = re.compile(
    r"(?:^|[-_ ])(?:nav|menu|footer|header|breadcrumbs?|sidebar|pagination|pager|tags?|social"
    r"|share|login|cookie|related|comments?)(?:$|[-_ ])",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:19|20)\d\d(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2}"
    r"|\s*年\s*\d{1,2}\s*月\s*\d{1,2}\s*日)(?:[T ]{1,2}\d{1,2}:\d\d(?::\d\d)?)?"
)


def read_listing(
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    selector: str | None = None,
    strict: bool = False,
) -> ParsedFeed:
    """The articles that a page lists, in its order. Raises NotAFeed where there is no list.

    `strict` takes only a list beyond doubt, for pages that were not configured as one.
    """
    page = _page(decode(data, content_type=content_type).text)
    base = web_url(next(iter(page.xpath("//base/@href")), None), url) or url
    links = _selected(page, selector) if selector else _article_links(page, base, strict=strict)
    entries: dict[str, FeedEntry] = {}
    for link in links:
        address = web_url(link.get("href"), base)
        title = _title(link)
        if address is None or title is None:
            continue
        known = entries.get(canonical_url(address))
        if known is None or len(known.title or "") < len(title):
            entries[canonical_url(address)] = _entry(link, address, title, page)
    if not entries:
        raise NotAFeed("no list of articles; name its links with `links`")
    kept = list(entries.values())[:ENTRIES_KEPT]
    return ParsedFeed(
        title=plain_title(page.findtext(".//title")),
        link=url,
        language=page.get("lang"),
        entries=tuple(e.model_copy(update={"position": at}) for at, e in enumerate(kept)),
    )


def _page(text: str) -> Any:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        page = lxml.html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise NotAFeed("the page is empty or broken") from error
    etree.strip_elements(page, "script", "style", "noscript", "template", with_tail=False)
    return page


def _selected(page: Any, selector: str) -> list[Any]:
    """The links a selector names, or the first one in each element that it names."""
    found = (
        element if element.tag == "a" else next(element.iter("a"), None)
        for element in page.cssselect(selector)
    )
    return [link for link in found if link is not None]


def _article_links(page: Any, base: str, *, strict: bool) -> list[Any]:
    """The links of the list that looks most like articles."""
    shapes: dict[str, list[Any]] = defaultdict(list)
    own = host_of(base)
    for link in page.iter("a"):
        address = web_url(link.get("href"), base)
        if address and host_of(address) == own and address != base and not _in_menu(link):
            shapes[_shape(link)].append(link)
    best: list[Any] = []
    best_score = 0.0
    for links in shapes.values():
        titled = _headlines(links)
        score = sum(min(_weight(link), 4 * TITLE_LEAST) for link in titled)
        if len(titled) >= (PLAIN_LEAST if strict else LEAST) and score > best_score:
            best, best_score = titled, score
    return best


def _headlines(links: Iterable[Any]) -> list[Any]:
    """The links whose text is long enough for a headline, if they are the most of their shape."""
    listed = list(links)
    long = [link for link in listed if _weight(link) >= TITLE_LEAST]
    return long if 2 * len(long) >= len(listed) else []


def _weight(link: Any) -> float:
    """Length of a title in letters; a Chinese character counts as two."""
    text = _title(link) or ""
    return letters(text) * (1 + wide_share(text))


def _shape(link: Any) -> str:
    steps = []
    element = link
    for _ in range(_SHAPE):
        if element is None or element.tag in ("body", "html"):
            break
        steps.append(f"{element.tag}.{(element.get('class') or '').partition(' ')[0]}")
        element = element.getparent()
    return ">".join(steps)


def _in_menu(link: Any) -> bool:
    for element in link.iterancestors():
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if element.tag in _MENUS or (
            element.tag not in ("body", "html") and _MENU_NAME.search(name)
        ):
            return True
    return False


def _title(link: Any) -> str | None:
    """The heading inside a link, else its text, else its `title` or `aria-label`."""
    heading = next((h for h in link.iter("h1", "h2", "h3", "h4", "h5", "h6")), None)
    element = link if heading is None else heading
    text = "".join(element.itertext())[:1000]
    return plain_title(text) or plain_title(link.get("title") or link.get("aria-label"))


def _entry(link: Any, address: str, title: str, page: Any) -> FeedEntry:
    return FeedEntry(
        guid=canonical_url(address),
        position=0,
        title=title,
        link=address,
        published=_date(link),
        base=address,
        language=page.get("lang"),
    )


def _date(link: Any) -> datetime | None:
    """The date beside a link: in the largest element around it that holds no other item."""
    item = link
    for element in list(link.iterancestors())[:_CLIMB]:
        others = (a for a in element.iter("a") if a.get("href") != link.get("href"))
        if any(_weight(other) >= TITLE_LEAST for other in others):
            break
        item = element
    for time in item.iter("time"):
        moment = parse_date(time.get("datetime")) or parse_date("".join(time.itertext()))
        if moment is not None:
            return moment
    stated = _DATE.search(" ".join(item.itertext())[:4000])
    return parse_date(stated[0]) if stated else None
