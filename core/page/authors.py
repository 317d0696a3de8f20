"""Find the author and date of a page in bylines, profile links and posts.

Heads often state the site as the author, and bylines contain more than a name. After labels, dates
and places are removed, the rest must look like a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml import etree

from core import dates
from core.body.html import inner_text, spaced_text
from core.body.names import JOB, reporter, stated_author
from core.text import collapse, is_wide, letters_only

_HOLDERS = "a span div p meta strong address li h4 td".split()
_LONGEST = 80  # characters; only the names of four doctors with degrees are longer
_MOST_WORDS = 7  # of one name; “Dieter Hogen with Uta Pippig” has five
_AROUND = 4  # ancestors of a name that are searched for its role
_MOST_CANDIDATES = 40  # elements; comments below a text contain as many names
_MOST_INSIDE = 100  # elements per byline; larger nested boxes would have quadratic cost
# Class names of public pages for names, and for other content beside them.
_NAMES_AUTHOR = re.compile(
    r"(?:^|[-_ ])(?:[a-z]{0,4}author|by-?lines?|contributor|reporter|writer)"
    r"(?:s|[-_]{1,2}(?:name|link|info|text|meta|item|by))*(?:$|[-_ ])"
    r"|author-?name|post-?author|entry-?author",
    re.IGNORECASE,
)
_NAMES_MEMBER = re.compile(  # of a forum; below an article these are readers' names
    r"(?:^|[-_ ])(?:user-?name|bigusername|poster|creator|user)(?:$|[-_ ])|user-?name",
    re.IGNORECASE,
)
_NAMES_READER = re.compile(r"comment|reply|replies|respon[ds]|\btie\b|pinglun", re.IGNORECASE)
_NAMES_OTHER = re.compile(
    r"bio\b|avatar|image|img|photo|social|follow|title|role|job|date|time|count|desc|comment|quote"
    r"|related|sidebar|footer|tooltip|reaction",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(?:(?:an?\s+)?(?:article|story|recipe|words|text|review|post(?:ed)?|blog post)\s+)?"
    r"(?:(?:written|posted|published|created|authored|submitted|recommended|reviewed|started)\s+)?"
    r"(?:by|von|par|por|di|door|af|av)(?:\s*[:：]\s*|\s+)|^(?:author|writer|thread starter"
    r"|original poster|作者|撰文|文)\s*[:：|｜/]?\s+|^(?:view all (?:posts|articles) by"
    r"|(?:read )?more (?:about|from))\s+",
    re.IGNORECASE,
)
# What follows a name on its line: a job title, a date, the next label.
_AFTER = re.compile(
    r"\s*[|｜·•»]\s.*$|\s+[–—-]\s.*$|\s*\((?:he|she|they)/.*$|,?\s+on behalf of\b.*$"
    r"|[,;]?\s*(?:(?:last )?updated|published|posted|reviewed by|medically|edited|on (?=\w+ \d)"
    r"|follow|joined|read time|\d+ min).*$"
    r"|,?\s*(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d).*$"
    r"|,\s*(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)$|(?-i:\s+on)$"
    r"|\s+(?:发布|发表|更新|来源|责任编辑|编辑).*$",
    re.IGNORECASE,
)
_OUTLET = re.compile(  # Chinese media put their own name into the author field
    r"(?:网|報|报|社|新闻|新聞|消息|在线|频道|客户端|财经|综合|电视台|卫视|杂志|周刊|编辑部|官网)$"
    r"|编辑|責編|责编|来源|來源|[:：]"
)
_NO_NAME = frozenset(
    "author authors writer name username user editor editors staff admin administrator undefined"
    " null none na by writtenby postedby articleby articleauthor anonymous guest unknown webmaster"
    " original poster op share follow published updated readmore topauthor moderator contributor"
    " 作者 编辑 匿名 未知 佚名 管理员 原创 本站原创 本站 网络 互联网".split()
)
_SENTENCE = re.compile(
    r"[.!?。！？](?:\s|$)|[。！？]|https?://|www\.|[{}<>\\]|^\S+\.(?:com|net|org|cn)$"
    r"|\b(?:credit|courtesy|photos?|images?)\b",
    re.IGNORECASE,
)
# A class alone is weak evidence: names consist of capitalized words, except “van” and “and”.
_CAPITAL = r"(?:(?:[^\W\da-z]|\W)\S*|\w{1,3})"
_CAPITALS = re.compile(rf"\S+|{_CAPITAL}(?:\s+{_CAPITAL})*")
# Texts around the headline, measured on 389 public pages that state a day. The article's are 43 of
# 50 days within 8 texts above it, 285 of 353 within 15 below, and a quarter of those beyond 30.
_MOST_ABOVE, _MOST_BELOW = 8, 30
_MOST_HEADINGS = 40  # compared with the title; hostile headings are nested in each other
_MAY_STATE = re.compile(r"(?:19|20)\d\d|\d[./-]\d\d?[./-]\d\d")
_PUBLISHED = re.compile(
    r"\b(?:(?:first )?published|posted|date|created|by)\b(?: on)?:?", re.IGNORECASE
)
_UPDATED = re.compile(r"updated|modified|edited|reviewed|更新|编辑", re.IGNORECASE)
_OF_MEMBER = re.compile(r"join(?:ed)?\b|member since|registered|community for|注册", re.IGNORECASE)
_INITIAL = re.compile(r"\b(?:\w|Dr|Mr|Mrs|Ms|Jr|Sr|St|Ph|Prof|M\.D|Ph\.D)\.")


def name_in_byline(text: str | None, site: str | None = None) -> str | None:
    """The name in an author text; None if it is not a name, or is the site's own (Chinese)."""
    stated = stated_author(text) or ""
    name = JOB.sub("", _LABEL.sub("", reporter(stated) or stated, count=1))
    name = _AFTER.sub("", name).strip(" ,;:|-–—·•@")
    key = letters_only(name)
    if len(key) < 2 or len(name) > _LONGEST or key in _NO_NAME or key.isdigit():
        return None
    if _SENTENCE.search(_INITIAL.sub("", name)) or dates.stated(name):
        return None
    if any(len(part.split()) > _MOST_WORDS for part in re.split(r"[,;&]|\band\b", name)):
        return None
    if is_wide(name[0]) and (
        len(name) > 16 or (site and key in letters_only(site)) or _OUTLET.search(name)
    ):
        return None
    return name


def shown_author(root: etree._Element, site: str | None, *, thread: bool) -> str | None:
    """The author's name by the markup of the visible page, from the most reliable kind of element.

    In a thread, the author is the one who started it.
    """
    found: dict[int, str] = {}
    for weight, element in _candidates(root, _NAMES_MEMBER if thread else None):
        if weight in found:
            continue
        text = element.get("content") or _line_of(element)
        name = name_in_byline(text, site) if len(text) <= 2 * _LONGEST else None
        if name and (weight < 2 or _CAPITALS.fullmatch(name)):
            found[weight] = name
        if weight == 0 and name:
            break
    return found[min(found)] if found else None


def _candidates(
    root: etree._Element, members: re.Pattern[str] | None
) -> Iterator[tuple[int, etree._Element]]:
    """Elements that may contain the author's name, with 0 (most) to 2 (least reliable)."""
    count = 0
    for element in root.iter(*_HOLDERS):
        if element.get("itemprop") == "author":
            parts = islice(element.iter(), _MOST_INSIDE)
            inner = next((each for each in parts if each.get("itemprop") == "name"), None)
            yield 0, element if inner is None else inner
        elif "author" in (element.get("rel") or "").split():
            yield 1, element
        else:
            names = f"{element.get('class', '')} {element.get('id', '')}"
            marked = _NAMES_AUTHOR.search(names) or (members and members.search(names))
            if not marked or _NAMES_OTHER.search(names) or (not members and _is_of_reader(element)):
                continue
            parts = islice(element.iter(), _MOST_INSIDE)
            inside = [part for part in parts if part.tag == "a" and _line_of(part)]
            yield 2, inside[0] if len(inside) == 1 and element.tag != "a" else element
        count += 1
        if count >= _MOST_CANDIDATES:
            return


def _line_of(element: etree._Element) -> str:
    """The text of an element that is small enough to be a byline; else empty."""
    is_large = next(islice(element.iter(), _MOST_INSIDE, None), None) is not None
    return "" if is_large else spaced_text(element)


def _is_of_reader(element: etree._Element) -> bool:
    around = islice(element.iterancestors(), _AROUND)
    return any(_NAMES_READER.search(f"{up.get('class', '')} {up.get('id', '')}") for up in around)


def shown_date(
    root: etree._Element, title: str | None, *, chinese: bool, language: str | None = None
) -> str | None:
    """The date nearest to the headline, in a `time` element or on a separate line.

    Dates labelled as updates are used only if there is no other. `title` identifies the headline
    among the headings. A clock in a Chinese page (`chinese`) is in China's zone.
    """
    # A bare `en` is in templates of sites of every country: it selects no order of numbers.
    order = "" if (language or "en").lower() == "en" else str(language).lower().replace("_", "-")
    updated = None
    for text in _texts_around_headline(root, letters_only(title or "")):
        line = text.strip(" .·•|")
        is_update = _UPDATED.search(line) is not None
        is_date = (
            dates.is_date_line(line, order) or dates.is_date_header(line) or _PUBLISHED.search(line)
        )
        if not is_date and not is_update:
            continue
        found = dates.stated(_PUBLISHED.sub(" ", line), chinese=chinese, language=order)
        if found and not is_update:
            return found
        updated = updated or found
    return updated


def _texts_around_headline(root: etree._Element, title: str) -> list[str]:
    """Short texts that may state the article's date, nearest to its headline first."""
    headings = islice(root.iter("h1", "h2", "h3"), _MOST_HEADINGS)
    worded = ((letters_only(spaced_text(each)), each) for each in headings)
    named = (
        each
        for text, each in worded
        if 2 * len(text) >= len(title) and (text in title or (title and title in text))
    )
    headline = next(named, next(root.iter("h1"), None))
    texts: list[str] = []
    at = None if headline is not None else 0
    for element in root.iter():
        if element is headline:
            at = len(texts)
        if element.tag == "time":
            texts.append(element.get("datetime") or inner_text(element))
        elif isinstance(element.tag, str) and element.tag not in ("script", "style"):
            pieces = (collapse(text).strip() for text in (element.text, element.tail) if text)
            texts += [text for text in pieces if 6 < len(text) <= _LONGEST]
        if at is not None and len(texts) > at + _MOST_BELOW:
            break
    middle = at or 0
    near = range(max(0, middle - _MOST_ABOVE), min(len(texts), middle + _MOST_BELOW + 1))
    return [
        texts[here]
        for here in sorted(near, key=lambda here: abs(here - middle))
        if _MAY_STATE.search(texts[here])
        and not _OF_MEMBER.search(" ".join(texts[max(0, here - 1) : here + 1]))
    ]
