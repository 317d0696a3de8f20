"""Pictures, their captions, and players: which addresses they have, and which show nothing.

Lazy loading hides a picture's address in another attribute; spacers, counters and icons are no
pictures. Players become links: nothing foreign runs in a reader.
"""

from __future__ import annotations

import re
from html import escape

from lxml import etree

from core.body.blocks import Block, Container
from core.text import collapse
from core.urls import host_of, web_url

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
    address = _picture_address(element)
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


def _picture_address(element: etree._Element) -> str | None:
    found = _first_of(element, _LAZY)
    source = element.get("src")
    if found is None and source and source.lstrip()[:5].lower() != "data:":
        found = None if _is_placeholder(source.lstrip()) else source
    return found or _largest(element) or _first_of(element, _SPARE)


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


# What a player's frame shows also has a page; readers want the address of that one.
_PLAYERS = (
    (re.compile(r"//(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]{6,20})"),
     "https://www.youtube.com/watch?v={}"),
    (re.compile(r"//player\.vimeo\.com/video/(\d+)"), "https://vimeo.com/{}"),
    (re.compile(r"//(?:www\.)?dailymotion\.com/embed/video/(\w+)"),
     "https://www.dailymotion.com/video/{}"),
    (re.compile(r"//player\.bilibili\.com/player\.html\?\S*?bvid=(\w+)"),
     "https://www.bilibili.com/video/{}"),
)  # fmt: skip
_WIDGET = re.compile(
    r"(?:^|[./_-])(?:ads?|adserver|adservice|doubleclick|googlesyndication|googletagmanager|taboola"
    r"|outbrain|captcha|recaptcha|consent|analytics)(?:[./_-]|$)"
    r"|/plugins/(?:like|share|page|follow|comments)|/widgets?/(?:like|follow|share|tweet_button)"
    r"|subscribe|newsletter|/share\b|like-?box",
    re.IGNORECASE,
)


def embed_markup(element: etree._Element, base: str | None) -> tuple[str, str, str] | None:
    """Address, markup and label of the link that stands for a player; None if it shows nothing."""
    if is_tiny(element.get("width"), element.get("height"), element.get("style")):
        return None
    source = element.get("data-src") or element.get("data-lazy-src") or element.get("src")
    if not source or source.startswith(("about:", "data:", "javascript:")):
        found = next(iter(element.iter("source")), None)
        source = found.get("src") if found is not None else None
    address = web_url(source, base)
    if address is None or _WIDGET.search(address):
        return None
    address = _player_page(address)
    label = collapse(element.get("title") or "").strip()[:120] or host_of(address)
    return address, f'<a href="{escape(address)}">▶ {escape(label)}</a>', label


def _player_page(address: str) -> str:
    for player, page in _PLAYERS:
        match = player.search(address)
        if match:
            return page.format(match[1])
    return address


_CAPTION = re.compile(
    r"(?:^|[-_ ])(?:(?:img|image|photo|pic|media|figure|thumb|wp)[-_]?)?(?:caption|legend)"
    r"(?:$|[-_ ])",
    re.IGNORECASE,
)

_CREDIT = re.compile(
    r"^(?:图为|圖為|图说|圖說|资料图)"
    r"|^(?:图像来源|圖像來源|图像加注文字|圖像加註文字|Image (?:source|caption))[,，]"
    r"|(?:摄|攝|供图|供圖|截图|截圖|图源.{0,20}|图片来源.{0,30}|圖片來源.{0,30}|资料图片?|資料圖片?"
    r"|示意图|示意圖)[)）\]】。.]?$"
    r"|[（(][^（()）]{0,60}(?:Getty|AFP|Reuters|AP|EPA|Shutterstock|Photo|Foto|Image|Flickr|图片|圖片"
    r"|法新社|路透社?|美联社|美聯社|新华社|中央社)[^（()）]{0,40}[)）]\s*$"
    r"|(?:Photo|Foto|Image|Picture|Bild|Credit|Quelle|Crédit photo)s?\s*[:：/]\s*[^.:]{2,50}$"
    r"|^(?:Photo|Image|Picture|Foto|Bild|Credit|图|圖|图片)\s*(?:credit|by|courtesy)?\s*[:：/／]",
)
_LONGEST_CREDITED = 160  # characters; half of 46 captions of public pages have under 51


def pair_captions(blocks: list[Block]) -> None:
    """A caption by its class or credit, right after a picture, makes a figure of the two."""
    _part_captions(blocks)
    for here in range(1, len(blocks)):
        block, before = blocks[here], blocks[here - 1]
        if not block.kind == before.kind == "p" or before.path != block.path:
            continue
        is_picture = all(line.images and not line.text for line in before.lines)
        if is_picture and _describes(block):
            figure: Container = ("figure", -here, "")
            before.path = (*before.path, figure)
            block.path = (*block.path, figure, ("figcaption", -here, ""))


def _part_captions(blocks: list[Block]) -> None:
    """A picture and its caption in one paragraph are two blocks."""
    for here in range(len(blocks) - 1, -1, -1):
        block = blocks[here]
        if block.kind != "p" or len(block.lines) != 2 or not block.lines[0].images:
            continue
        picture, words = block.lines
        if not picture.text and not words.images and _CREDIT.search(words.text):
            blocks[here] = Block("p", [picture], block.path, owner=block.owner)
            blocks.insert(here + 1, Block("p", [words], block.path, owner=block.owner))


def _describes(block: Block) -> bool:
    """Whether a block is a caption by its class, or a short line with a picture credit."""
    if block.names and _CAPTION.search(block.names):
        return True
    if len(block.lines) != 1 or len(block.lines[0].text) > _LONGEST_CREDITED:
        return False
    return _CREDIT.search(block.lines[0].text) is not None
