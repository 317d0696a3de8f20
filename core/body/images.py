"""Which address a picture really has, and which pictures are none.

Lazy loading hides the address in another attribute; spacers, counters and icons are no pictures.
"""

from __future__ import annotations

import re

from lxml import etree

from core.urls import web_url

_LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazyload", "data-actualsrc")
# These also hold other things, so they count only where `src` holds no picture.
_SPARE = (
    "data-original-src", "data-hi-res-src", "data-full-src", "data-orig-file", "data-echo", "_src",
    "data-image", "data-img", "data-url", "file", "zoomfile",
)  # fmt: skip
_SETS = ("data-srcset", "data-lazy-srcset", "srcset")
_PLACEHOLDER = re.compile(
    r"[/._-](?:spacer|blank|placeholder|transparent|loading|lazy(?:load)?|pixel|clear"
    r"|1x1|grey|gray|dot|trans)(?:[._-][\w-]*)?\.(?:gif|png|svg|jpe?g|webp)(?:$|\?)",
    re.IGNORECASE,
)
# A bridge put the path of its own proxy before the picture's address: `/res/https://a.example/1`.
_BRIDGED = re.compile(r"\s*/(?!/)[^?#\s]{0,200}?(https?://\S+)")
_COUNTER = re.compile(
    r"[/.](?:(?:pixel|beacon|counter|stats?|track(?:er|ing)?|analytics|count|hit|feedburner"
    r"|doubleclick|scorecardresearch|quantserve)(?:[./?]|$)[^#]*?(?:\.gif|\?|/b\b|/p\b|$)|(?<=/)_/stat\?)",
    re.IGNORECASE,
)
_PHOTOGRAPH = re.compile(r"\.(?:jpe?g|webp|avif|png)(?:$|[?#!@])", re.IGNORECASE)
_QR = re.compile(
    r"[/._-](?:qr(?:[_-]?codes?)?|erweima|weixin(?:[_-]?(?:qr|code))?|wechat[_-]?(?:qr|code))"
    r"\d*(?:[._-][\w-]*)?\.(?:png|jpe?g|gif|webp)|(?:api|chart)\S*?qr(?:code)?\b|二维码|二維碼|公众号|公眾號",
    re.IGNORECASE,
)
_QR_WORDS = ("qr", "erweima", "weixin", "wechat", "二维码", "二維碼", "公众号", "公眾號")
_CANDIDATE = re.compile(r"\s*(\S*[^\s,])(?:\s+([\d.]+)([wx]))?\s*(?:,|$)")
_SIZE = re.compile(r"(?:^|;)\s*(?:max-)?(width|height)\s*:\s*(\d+(?:\.\d+)?)px", re.IGNORECASE)
_NUMBER = re.compile(r"\s*(\d+)(?:\.\d+)?\s*(?:px)?\s*$")
_SMALL_PARAMETER = re.compile(r"[?&](?:s|w|h|size|width|height)=(\d{1,2})(?:&|$)")


def picture(element: etree._Element, base: str | None) -> str | None:
    """The address of an `img`, or None if it shows nothing that belongs to an article."""
    if is_tiny(element.get("width"), element.get("height"), element.get("style")):
        return None
    address = _address(element)
    inner = _BRIDGED.match(address) if address else None
    found = web_url(inner[1] if inner else address, base) if address else None
    if found is None or _is_placeholder(found):
        return None
    return None if _COUNTER.search(found) and not _PHOTOGRAPH.search(found) else found


def _is_placeholder(address: str) -> bool:
    return _PLACEHOLDER.search("/" + address) is not None


def is_code(address: str, alt: str) -> bool:
    """Whether the picture is a QR code, by its name or description."""
    return _says_code(address) or _says_code(alt)


def _says_code(text: str) -> bool:
    lowered = text.lower()
    return any(map(lowered.__contains__, _QR_WORDS)) and _QR.search("/" + text) is not None


def is_thumbnail(address: str) -> bool:
    """Whether the address itself asks for a picture under 100 pixels."""
    return _SMALL_PARAMETER.search(address) is not None


def is_tiny(width: str | None, height: str | None, style: str | None) -> bool:
    """Whether a size of at most three pixels is stated."""
    sizes = [m[1] for m in (_NUMBER.match(v) for v in (width, height) if v) if m]
    if style and "px" in style:
        sizes += [value.partition(".")[0] for _, value in _SIZE.findall(style)]
    return any(int(size) <= 3 for size in sizes if len(size) < 6)


def same_picture(one: str, other: str) -> bool:
    """Whether two addresses are one picture: equal but for query and size suffix."""
    return picture_key(one) == picture_key(other)


def picture_key(address: str) -> str:
    """The address without query and size suffix."""
    path = address.partition("?")[0].partition("#")[0]
    return re.sub(r"-\d{2,4}x\d{2,4}(?=\.\w{3,4}$)", "", path).partition("//")[2]


def _address(element: etree._Element) -> str | None:
    found = _first_of(element, _LAZY)
    source = element.get("src")
    if found is None and source and not _shows_nothing(source.lstrip()):
        found = source
    return found or _largest(element) or _first_of(element, _SPARE)


def _shows_nothing(source: str) -> bool:
    return source[:5].lower() == "data:" or _is_placeholder(source)


def _first_of(element: etree._Element, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = element.get(name)
        if value and not value.startswith(("data:", "{", "[")) and ("/" in value or "." in value):
            return value
    return None


def _largest(element: etree._Element) -> str | None:
    """The largest candidate of a `srcset` on the element or its `picture` siblings."""
    sets = [element.get(name) for name in _SETS]
    # libxml2 does not know `source` as an empty element: what follows stands inside it.
    for parent in element.iterancestors("picture"):
        sets += [s.get("srcset") or s.get("data-srcset") for s in parent.iter("source")]
    best, most = None, -1.0
    for srcset in filter(None, sets):
        for address, number, _unit in _CANDIDATE.findall(srcset[:8000]):
            size = float(number) if number.replace(".", "", 1).isdigit() else 1.0
            if size > most and not address.startswith("data:"):
                best, most = address, size
        if best:
            break
    return best
