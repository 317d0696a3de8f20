"""Articles that are cut into several pages: where the next one is."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lxml import etree

from core.body.html import parse_page, spaced_text
from core.feeds.charset import decode
from core.urls import canonical_url, web_url

MOST_PAGES = 8  # of an article, each one request to its host; a loop of “next” ends here
_NEXT = re.compile(
    r"^(?:下一页|下一頁|下页|下頁|后一页|next(?: page)?|page suivante|suivant|nächste(?: seite)?"
    r"|weiter|siguiente|página siguiente|pagina successiva|próxima|volgende)\s*[>»›→]*$",
    re.IGNORECASE,
)
# Looked for in lower-cased bytes. Each begins with fixed bytes: those are found fast.
_HINTS = (
    re.compile(rb"rel\s*=\s*[\"']?[\w ]*next"),
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
    """Whether the page may name a next one; a look at the bytes, before anything is parsed."""
    lowered = page.lower()
    hints = _HINTS if page.isascii() else _HINTS + _HINTS_BEYOND_ASCII
    return any(hint.search(lowered) for hint in hints)


def following_page(page: bytes, url: str, content_type: str | None) -> str | None:
    """The address of the page after this one, from its bytes."""
    root = parse_page(decode(page, content_type=content_type).text)[1]
    return next_page(root, url)


def next_page(root: etree._Element, url: str) -> str | None:
    """The address of the article's next page, if the page names one that is plainly its own."""
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
    """Whether the two addresses are one but for a page number that is one higher.

    “Next” also leads to the next article; only numbers under one stem are pages of this one.
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
