"""Find the URLs of images and players, and discard those without content.

Lazy loading stores an image URL in another attribute. Spacers, counters and icons are discarded.
Players become links, because feed readers must not run foreign code.
"""

from __future__ import annotations

import re

from lxml import etree

from core.text import collapse
from core.urls import host_of, web_url

_LAZY = ("data-src", "data-original", "data-lazy-src", "data-lazyload", "data-actualsrc")
# Lazy loaders use some fifty further names. Similar attributes contain other values
# (`data-permalink`, `data-avatar`), so these count only if `src` is no image; file names come
# first.
_SPARE = re.compile(
    r"src|lazy|original|origin|orig|img|image|url|file|echo|full|hi-res", re.IGNORECASE
)
_FILE = re.compile(
    r"(?:https?:)?/{0,2}[^\s,{}]+\.(?:jpe?g|png|webp|gif|avif)(?:$|[?#!@])", re.IGNORECASE
)
_SETS = ("data-srcset", "data-lazy-srcset", "srcset")
# File names that consist of placeholder words: `blank.gif`, `lazy-placeholder.png`. A single such
# word also occurs in `dorian-gray.jpg` and `dot-com-bubble.png`. Possessive quantifiers avoid
# backtracking in names with a thousand digits.
_PLACEHOLDER = re.compile(
    r"/(?=[^/?]*(?:spacer|spin|blank|placeholder|transparent|load|lazy|pixel|clear|1x1|gr[ea]y|dot|trans))"
    r"(?:(?:spacer|spinner|blank|placeholder|transparent|loading|loader|lazy(?:load)?|pixel|clear|gr[ea]y"
    r"|dot|trans|default|image|img|picture|thumb(?:nail)?|white|bg|no|s|\d++(?:x\d++)?)"
    r"(?:[_-]|\.(?!(?:gif|png|svg|jpe?g|webp)))?)++\.(?:gif|png|svg|jpe?g|webp)(?:$|\?)",
    re.IGNORECASE,
)
# A bridge that prefixed an image URL with the path of its proxy: `/res/https://a.example/1`.
_BRIDGED = re.compile(r"\s*/(?!/)[^?#\s]{0,200}?(https?://\S+)")
_COUNTER = re.compile(
    r"[/.](?:(?:pixel|beacon|counter|stats?|track(?:er|ing)?|analytics|count|hit|feedburner"
    r"|doubleclick|scorecardresearch|quantserve)(?:[./?]|$)[^#]*?(?:\.gif|\?|/b\b|/p\b|$)|(?<=/)_/stat\?)",
    re.IGNORECASE,
)
_PHOTOGRAPH = re.compile(r"\.(?:jpe?g|webp|avif|png)(?:$|[?#!@])", re.IGNORECASE)
_QR = re.compile(
    r"[/._-](?:qr(?:[_-]?codes?)?|erweima|weixin(?:[_-]?(?:qr|code))?|wechat[_-]?(?:qr|code))"
    r"(?:[_-]?(?:for_\w+|\d{1,4}|[a-z]|small|large|img|image|\d+x\d+)){0,3}\.(?:png|jpe?g|gif|webp)"
    r"|(?:api|chart)\S*?qr(?:code)?\b|(?:二[维維][码碼]|公[众眾][号號])[\w-]{0,12}\.\w{3,4}(?:$|\?)",
    re.IGNORECASE,
)
_QR_ALT = re.compile(  # matches at the end of alt text; “二维码支付在非洲流行” is a story
    r"(?:二维码|二維碼|qr[ -]?code|(?:关注|關注).{0,12}公[众眾][号號]|^.{0,12}公[众眾][号號])\W*$",
    re.IGNORECASE,
)
_QR_WORDS = ("qr", "erweima", "weixin", "wechat", "二维码", "二維碼", "公众号", "公眾號")
_LARGE = 50  # pixels
_SQUARE = 0.8  # smallest ratio of the sides of a QR code
_TEXT_PICTURE = re.compile(
    r"(?:^|[-_ ])(?:emoji(?:one|con)?|smil(?:ey|ies)|latex|tex)(?:$|[-_ ])", re.IGNORECASE
)
_DRAWS_FORMULA = re.compile(r"[?&](?:tex|latex)=|[/.](?:latex|codecogs)\b", re.IGNORECASE)
_PICTOGRAPHS = re.compile("[\u200d\ufe0e\ufe0f\u2190-\u2bff\U0001f000-\U0001faff]{1,8}")
_BRACKETED = re.compile(r"\[[\u4e00-\u9fff\w]{1,6}\]")
_LONGEST_FORMULA = 300  # characters
_CANDIDATE = re.compile(r"\s*(\S*[^\s,])(?:\s+([\d.]+)([wx]))?\s*(?:,|$)")
_SIZE = re.compile(r"(?:^|;)\s*(?:max-)?(width|height)\s*:\s*(\d+(?:\.\d+)?)px", re.IGNORECASE)
# The height of a text line: icons of links, as bridges write them.
_ICON = re.compile(r"(?:^|;)\s*(?:width|height)\s*:\s*[01](?:\.\d+)?r?em", re.IGNORECASE)
_BACKGROUND = re.compile(
    r"background(?:-image)?\s*:[^;]{0,200}?url\(\s*[\"']?([^\"')\s]+)", re.IGNORECASE
)
_NUMBER = re.compile(r"\s*(\d+)(?:\.\d+)?\s*(?:px)?\s*$")
_SMALL_PARAMETER = re.compile(r"[?&](?:s|w|h|size|width|height)=(\d{1,2})(?:&|$)")


def picture(element: etree._Element, base: str | None) -> str | None:
    """The URL of an `img`; None if it shows nothing that belongs to an article."""
    style = element.get("style")
    if is_tiny(element.get("width"), element.get("height"), style):
        return None
    if style and _ICON.search(style):
        return None
    address = _picture_address(element)
    inner = _BRIDGED.match(address) if address else None
    found = web_url(inner[1] if inner else address, base) if address else None
    if found is None or _is_placeholder(found):
        return None
    return None if _COUNTER.search(found) and not _PHOTOGRAPH.search(found) else found


def is_background(element: etree._Element) -> bool:
    """Whether the style of an element shows a background image."""
    style = element.get("style")
    return style is not None and "url(" in style and _BACKGROUND.search(style) is not None


def is_fallback(element: etree._Element, base: str | None) -> bool:
    """Whether the image in a `noscript` duplicates a lazy `img` beside it."""
    beside = (element.getprevious(), element.getnext())
    pictures = [each for each in beside if each is not None and each.tag == "img"]
    lazy = (each for each in pictures if (each.get("src") or "data:").startswith("data:"))
    return any(picture(each, base) for each in lazy)


def _is_placeholder(address: str) -> bool:
    return _PLACEHOLDER.search("/" + address) is not None


def is_code(element: etree._Element, address: str, alt: str) -> bool:
    """Whether the image is a QR code, by file name or alt text; QR codes are square."""
    sides = [int(found[1]) for name in ("width", "height")
             if (found := _NUMBER.match(element.get(name, "")))]  # fmt: skip
    if len(sides) == 2 and min(sides) < _SQUARE * max(sides):
        return False
    lowered = address.lower()
    named = any(map(lowered.__contains__, _QR_WORDS)) and _QR.search("/" + address)
    return bool(named) or _QR_ALT.search(alt) is not None


def text_instead(element: etree._Element, alt: str) -> str | None:
    """The text that an inline image stands for: an emoji, or a rendered formula."""
    if not alt:
        return None
    if _BRACKETED.fullmatch(alt):  # [泪]: the emoji notation of microblogs
        return alt
    named = _TEXT_PICTURE.search(element.get("class") or "") or _DRAWS_FORMULA.search(
        element.get("src") or ""
    )
    return alt if (named or _PICTOGRAPHS.fullmatch(alt)) and len(alt) <= _LONGEST_FORMULA else None


def is_thumbnail(address: str) -> bool:
    """Whether the URL requests a size below 100 pixels."""
    return _SMALL_PARAMETER.search(address) is not None


def is_tiny(width: str | None, height: str | None, style: str | None) -> bool:
    """Whether a stated side is at most three pixels; 0 beside a large side means unknown."""
    sizes = [int(m[1]) for m in (_NUMBER.match(v) for v in (width, height) if v) if m]
    if style and "px" in style:
        sizes += [int(float(value)) for _, value in _SIZE.findall(style) if len(value) < 9]
    if 0 in sizes and max(sizes) > _LARGE:
        return False
    return any(size <= 3 for size in sizes)


def same_picture(one: str, other: str) -> bool:
    """Whether two URLs are the same image, apart from query and size suffix."""
    return picture_key(one) == picture_key(other)


def picture_key(address: str) -> str:
    """The URL without query and size suffix."""
    path = address.partition("?")[0].partition("#")[0]
    return re.sub(r"-\d{2,4}x\d{2,4}(?=\.\w{3,4}$)", "", path).partition("//")[2]


def _picture_address(element: etree._Element) -> str | None:
    if element.tag not in ("img", "amp-img"):
        shown = _BACKGROUND.search(element.get("style") or "")
        return shown[1] if shown else None
    found = _first_of(element, _LAZY)
    source = element.get("src")
    if found is None and source and source.lstrip()[:5].lower() != "data:":
        found = None if _is_placeholder(source.lstrip()) else source
    return found or _largest(element) or _lazy_address(element)


def _first_of(element: etree._Element, names: tuple[str, ...]) -> str | None:
    for name in names:
        value = element.get(name)
        if value and not value.startswith(("data:", "{", "[")) and ("/" in value or "." in value):
            return value
    return None


def _lazy_address(element: etree._Element) -> str | None:
    """An image URL in any attribute that a lazy loader reads."""
    names = [str(name) for name in element.attrib if name not in ("src", "alt", "title", "style")]
    values = {name: value for name in names if (value := _first_of(element, (name,)))}
    named = (value for name, value in values.items() if _SPARE.search(name))
    return next(filter(_FILE.match, values.values()), None) or next(named, None)


def _largest(element: etree._Element) -> str | None:
    """The largest candidate in `srcset` of the element, or of its `picture` siblings."""
    sets = [element.get(name) for name in _SETS]
    # libxml2 does not treat `source` as a void element: following elements are nested in it.
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


# Player URLs and the public page of the same video.
_PLAYERS = (
    (re.compile(r"//(?:www\.)?youtube(?:-nocookie)?\.com/(?:embed|v)/([\w-]{6,20})"),
     "https://www.youtube.com/watch?v={}"),
    (re.compile(r"//player\.vimeo\.com/video/(\d+)"), "https://vimeo.com/{}"),
    (re.compile(r"//(?:www\.)?dailymotion\.com/embed/video/(\w+)"),
     "https://www.dailymotion.com/video/{}"),
    (re.compile(r"//(?:player|www)\.bilibili\.com/\S*?player\.html\?\S*?bvid=(\w+)"),
     "https://www.bilibili.com/video/{}"),
)  # fmt: skip
# Custom elements of AMP, and of light players that load the real one on a click.
_CUSTOM = re.compile(
    r"(?:amp|lite|embed)-(youtube|vimeo|twitter|instagram|dailymotion|tiktok|facebook|reddit"
    r"|pinterest|video|audio|iframe)"
)
_SERVICES = {
    "youtube": ("videoid", "https://www.youtube.com/watch?v={}"),
    "vimeo": ("videoid", "https://vimeo.com/{}"),
    "dailymotion": ("videoid", "https://www.dailymotion.com/video/{}"),
    "twitter": ("tweetid", "https://twitter.com/i/status/{}"),
    "instagram": ("shortcode", "https://www.instagram.com/p/{}/"),
}
_SERVICE_ID = re.compile(r"[\w-]{4,40}")
_WIDGET = re.compile(
    r"(?:^|[./_-])(?:ads?|adserver|adservice|adsystem|doubleclick|googlesyndication|googletagmanager|taboola"
    r"|outbrain|captcha|recaptcha|consent|analytics)(?:[./_-]|$)"
    r"|/plugins/(?:like|share|page|follow|comments)|/widgets?/(?:like|follow|share|tweet_button)"
    r"|subscribe|newsletter|/share\b|like-?box",
    re.IGNORECASE,
)


def played_address(element: etree._Element, base: str | None) -> tuple[str, str] | None:
    """URL and label of a link in place of a player; None if it has no content."""
    if is_tiny(element.get("width"), element.get("height"), element.get("style")):
        return None
    address = _address_of_service(element) or web_url(_source_of_player(element), base)
    if address is None or _WIDGET.search(address):
        return None
    address = _player_page(address)
    label = element.get("title") or element.get("playlabel") or element.get("aria-label") or ""
    return address, collapse(label).strip()[:120] or host_of(address)


def is_played(element: etree._Element, tag: str) -> bool:
    """Whether a player has sound.

    Of 16 public pages with video files in their text, eight had silent loops, which are animated
    images.
    """
    return tag == "audio" or (tag == "video" and not {"muted", "loop"} & set(element.attrib))


def poster(element: etree._Element, base: str | None) -> str | None:
    """The preview image of a player."""
    return web_url(element.get("poster") or element.get("data-poster"), base)


def _source_of_player(element: etree._Element) -> str | None:
    source = element.get("data-src") or element.get("data-lazy-src") or element.get("src")
    source = source or element.get("data") or element.get("data-href") or element.get("data-url")
    if not source or source.startswith(("about:", "data:", "javascript:")):
        inside = next(element.iter("source", "embed"), None)
        source = inside.get("src") if inside is not None else None
    if source is None:
        movies = (each for each in element.iter("param") if each.get("name") in ("movie", "src"))
        source = next((each.get("value") for each in movies), None)
    return source


def is_player(tag: str) -> bool:
    """Whether a custom element is a player or an embedded post: amp-youtube, lite-vimeo."""
    return "-" in tag and _CUSTOM.fullmatch(tag) is not None


def _address_of_service(element: etree._Element) -> str | None:
    """The public page for a custom element that states only an id."""
    found = _CUSTOM.fullmatch(str(element.tag))
    if found is None or found[1] not in _SERVICES:
        return None
    attribute, page = _SERVICES[found[1]]
    for name in (f"data-{attribute}", attribute):
        if _SERVICE_ID.fullmatch(element.get(name) or ""):
            return page.format(element.get(name))
    return None


def _player_page(address: str) -> str:
    for player, page in _PLAYERS:
        match = player.search(address)
        if match:
            return page.format(match[1])
    return address
