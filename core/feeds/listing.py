"""Read a web page that lists articles as a feed of links, titles and dates, without bodies.

A CSS selector names the links, or the list that looks most like articles is used: many links of the
same shape, outside menus, with long texts or a date beside each.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import lxml.html
from lxml import etree

from core.date_in_list import date_in_list, states_date
from core.dates import spoken
from core.errors import NotAFeed
from core.feeds.charset import decode
from core.models import FeedEntry, ParsedFeed
from core.text import count_letters, letters_only, plain_title, wide_share
from core.urls import canonical_url, host_of, web_url

ENTRIES_KEPT = 200  # links; further ones are an archive
LINKS_SEEN = 6000  # of a page: a portal has 2,000
LINKS_READ = 3 * ENTRIES_KEPT  # of one shape; an entry may have several links
LEAST = 3  # links that form a list
PLAIN_LEAST = 8  # links that form a list for certain
TITLE_LEAST = 15  # letters of a headline; half as many in Chinese
DATED_LEAST = 6  # the same with a date beside it, or a number in its URL
_AROUND = 40  # ancestors searched for a menu; links searched in one ancestor
_CLIMB = 5  # levels from a link up to the item that contains its date
_SHAPE = 4  # levels of the path that links of one list share

_MENUS = frozenset(("nav", "header", "footer", "aside", "form", "button", "select"))
_MENU_NAME = re.compile(
    r"(?:^|[-_ ])(?:nav|menu|footer|header|breadcrumbs?|sidebar|pagination|pager|tags?|social"
    r"|share|login|cookie|related|comments?)(?:$|[-_ ])",
    re.IGNORECASE,
)
_ROWS = frozenset(("li", "tr", "td", "dt", "dd"))  # their classes mark first and last, odd and even
_TITLE_NAME = re.compile(
    r"(?:^|[-_ ])(?:title|tit|headline|bt|subject|name)(?:$|[-_ ])", re.IGNORECASE
)
_CUT = re.compile(r"\s*(?:…|\.{3,}|。{3})+$")
_SECOND_LEVEL = frozenset("com net org gov edu ac co or ne go".split())  # …com.cn, …co.uk
_ROWS_OF_A_DAY = 50  # items below one date
_LONGEST_DATE = 60  # characters of an element that contains only a date


def read_listing(
    data: bytes,
    *,
    url: str,
    content_type: str | None,
    selector: str | None = None,
    strict: bool = False,
    now: float | None = None,
) -> ParsedFeed:
    """The articles listed on a page, in its order. Raises NotAFeed if there is no list.

    `strict`: accept only a certain list, for pages that were not configured as one. `now` (Unix
    time) completes dates without a year and relative ones such as “3 hours ago”.
    """
    page = _page(decode(data, content_type=content_type).text)
    base = web_url(next(iter(page.xpath("//base/@href")), None), url) or url
    links = _selected(page, selector) if selector else _article_links(page, base, strict=strict)
    entries: dict[str, FeedEntry] = {}
    for link in links:
        address = web_url(link.get("href"), base)
        title = _title(link)
        if address is None or title is None or len(entries) == ENTRIES_KEPT:
            continue
        known = entries.get(canonical_url(address))
        if known is None or len(known.title or "") < len(title):
            entries[canonical_url(address)] = _entry(link, address, title, page, now)
    if not entries:
        raise NotAFeed("no list of articles; name its links with `links`")
    return ParsedFeed(
        title=plain_title(page.findtext(".//title")),
        link=url,
        language=page.get("lang"),
        entries=tuple(
            e.model_copy(update={"position": at}) for at, e in enumerate(entries.values())
        ),
    )


def _page(text: str) -> Any:
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        page = lxml.html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise NotAFeed("the page is empty or broken") from error
    for script in page.cssselect("script[type='text/xml']"):  # lists of Chinese authorities
        markup = (script.text or "").replace("<![CDATA[", "").replace("]]>", "")
        rows = lxml.html.fragment_fromstring(markup, create_parent="div")
        script.addnext(rows)
    etree.strip_elements(page, "script", "style", "noscript", "template", with_tail=False)
    return page


def _selected(page: Any, selector: str) -> list[Any]:
    """The elements that the selector matches, or the first link in each."""
    found = (next(element.iter("a"), None) for element in page.cssselect(selector))
    return [link for link in found if link is not None]


def _article_links(page: Any, base: str, *, strict: bool) -> list[Any]:
    """The links of the list that looks most like articles."""
    shapes: dict[str, list[Any]] = defaultdict(list)
    own = _site(host_of(base))
    for link in islice(page.iter("a"), LINKS_SEEN):
        address = web_url(link.get("href"), base)
        if address and _site(host_of(address)) == own and address != base and not _in_menu(link):
            alike = shapes[_shape(link)]
            if len(alike) < LINKS_READ:
                alike.append(link)
    best, best_score = list[Any](), 0.0
    for links in shapes.values():
        titled = _if_mostly_headlines(links)
        score = sum(min(_weight(link), 4 * TITLE_LEAST) for link in titled)
        if len(titled) >= (PLAIN_LEAST if strict else LEAST) and score > best_score:
            best, best_score = titled, score
    return best


def _site(host: str) -> str:
    """The domain that sibling hosts share: `site.example` for `m.site.example`."""
    labels = host.split(".")
    if labels[-1].isdigit() or ":" in host:
        return host
    return ".".join(labels[-3 if labels[-2:-1] and labels[-2] in _SECOND_LEVEL else -2 :])


def _if_mostly_headlines(links: Iterable[Any]) -> list[Any]:
    """The links that look like headlines, if at least half of their shape do; else none."""
    listed = list(links)
    kept = [link for link in listed if _weight(link) >= TITLE_LEAST or _is_article(link)]
    return kept if 2 * len(kept) >= len(listed) else []


def _is_article(link: Any) -> bool:
    """Whether a short link has what menu links lack: a date, or a number in its URL."""
    if _weight(link) < DATED_LEAST:
        return False
    step = (link.get("href") or "").partition("?")[0].rstrip("/").rpartition("/")[2]
    return any(sign.isdigit() for sign in step) or _date(link, None) is not None


def _weight(link: Any) -> float:
    """Length of the title in letters; a Chinese character counts as two."""
    text = _title(link) or ""
    return count_letters(text) * (1 + wide_share(text))


def _shape(link: Any) -> str:
    steps = []
    element = link
    for _ in range(_SHAPE):
        if element is None or element.tag in ("body", "html"):
            break
        name = (element.get("class") or "").partition(" ")[0]
        steps.append(f"{element.tag}.{'' if element.tag in _ROWS else name.rstrip('0123456789')}")
        element = element.getparent()
    return ">".join(steps)


def _in_menu(link: Any) -> bool:
    for element in islice(link.iterancestors(), _AROUND):
        name = f"{element.get('class') or ''} {element.get('id') or ''}"
        if element.tag in _MENUS or (
            element.tag not in ("body", "html") and _MENU_NAME.search(name)
        ):
            return True
    return False


def _title(link: Any) -> str | None:
    """The heading inside a link, else its text without a date, or a more complete attribute."""
    heading = next((h for h in link.iter("h1", "h2", "h3", "h4", "h5", "h6")), None)
    named = (each for each in link.iterdescendants() if _TITLE_NAME.search(each.get("class") or ""))
    element = heading if heading is not None else next(named, link)
    stated = plain_title(link.get("title") or element.get("title") or link.get("aria-label"))
    text = plain_title("".join(_words(element))[:1000]) or stated
    shown = letters_only(_CUT.sub("", text or ""))
    if not stated or not text or not letters_only(stated).startswith(shown):
        return text
    return stated if _CUT.search(text) or count_letters(stated) > count_letters(text) else text


def _words(element: Any) -> Iterator[str]:
    """The texts in an element, except those that are only a date."""
    yield element.text or ""
    for child in element:
        inside = " ".join(child.itertext()) if isinstance(child.tag, str) else ""
        if not _is_date(inside):
            yield from _words(child)
        yield child.tail or ""


def _is_date(text: str) -> bool:
    return len(text) <= _LONGEST_DATE and count_letters(text) <= 20 and states_date(text)


def _entry(link: Any, address: str, title: str, page: Any, now: float | None) -> FeedEntry:
    language = page.get("lang")
    return FeedEntry(
        guid=canonical_url(address),
        position=0,
        title=title,
        link=address,
        published=_date(link, now, address=address, language=spoken(title, language)),
        base=address,
        language=language,
    )


def _date(
    link: Any, now: float | None, *, address: str = "", language: str = ""
) -> datetime | None:
    """The date beside a link, within the largest ancestor that contains no other item."""
    shape = _shape(link)
    item, climbed = link, islice(link.iterancestors(), _CLIMB)
    for element in climbed:
        if _holds_another(element, link, shape):
            break
        item = element
    for text in _date_texts(item, link):
        moment = date_in_list(text, now=now, address=address, language=language)
        if moment is not None:
            return moment
    return date_in_list("", address=address)


def _holds_another(element: Any, link: Any, shape: str) -> bool:
    """Whether an element contains another link of the same shape; a link to an author differs."""
    near = islice(element.iter("a"), _AROUND)
    others = (a for a in near if a.get("href") != link.get("href"))
    return any(_shape(other) == shape for other in others)


def _date_texts(item: Any, link: Any) -> Iterator[str]:
    """Texts that may contain the date of an item, the most reliable first."""
    for time in item.iter("time"):
        yield time.get("datetime") or ""
        yield "".join(time.itertext())
    whole = " ".join(" ".join(item.itertext())[:4000].split())
    beside = whole.replace(" ".join("".join(link.itertext()).split()), " ")
    if len(beside) <= _LONGEST_DATE:  # the year may be in a separate element
        yield beside
    for element in item.iterdescendants():
        text = " ".join(element.itertext()) if isinstance(element.tag, str) else ""
        if element.tag != "a" and len(text) <= _LONGEST_DATE:
            yield text
    yield item.text or ""
    yield whole
    yield from _text_next_to(item)
    # A date heading above the items of a day.
    for element in (item, *islice(item.iterancestors(), _CLIMB - 1)):
        above = element.getprevious()
        if above is not None and isinstance(above.tag, str) and not _has_link(above):
            yield " ".join(above.itertext())[:_LONGEST_DATE]


def _text_next_to(item: Any) -> Iterator[str]:
    """Text next to an item: before it, if the first item has text before it; else after."""
    parent = item.getparent()
    if parent is None:
        return
    leading = [parent.text]
    for row in islice(parent, _AROUND):
        if row.tag == item.tag and _has_link(row):
            break
        if isinstance(row.tag, str):
            leading = [*([] if _has_link(row) else [*leading, " ".join(row.itertext())]), row.tail]
    if not any(states_date(text[:200]) for text in leading if text):
        yield (item.tail or "")[:200]
        below = item.getnext()
        if below is not None and isinstance(below.tag, str) and not _has_link(below):
            yield " ".join(below.itertext())[:200]
        return
    above = item.getprevious()
    for _ in range(_ROWS_OF_A_DAY):
        if above is None or states_date((above.tail or "")[:200]):
            break
        if not _has_link(above) and above.text:
            break
        above = above.getprevious()
    yield ((parent.text if above is None else above.tail) or "")[:200]
    if above is not None:
        yield " ".join(above.itertext())[:200]


def _has_link(element: Any) -> bool:
    return element.tag == "a" or next(element.iter("a"), None) is not None
