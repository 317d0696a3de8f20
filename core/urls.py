"""URLs: resolved, without tracking parameters and credentials, and in canonical form as keys."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit

_TRACKING = re.compile(
    r"(?:utm_\w+|at_(?:medium|campaign|custom\w*|link\w*|format|ptr\w*|bbc_team)|oly_\w+_id|hsa_\w+"
    r"|guce_\w+|guccounter|ns_(?:campaign|mchannel|source|linkname)|pk_\w+|mtm_\w+|trk_\w+"
    r"|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|li_fat_id|igsh(?:id)?"
    r"|mc_[ce]id|_hs(?:enc|mi)|__hs\w+|hsctatracking|mkt_tok|vero_id|vero_conv|xtor|wt[._]mc(?:_\w+)?"
    r"|cmpid|ocid|ncid|smid|sr_share|s_cid|icid|ref_src|ref_url|__twitter_impression|spm"
    r"|isappinstalled|_openstat|ysclid|rb_clickid|wickedid|mkwid|ito|cvid|_ga|_gl)",
    re.IGNORECASE,
)
# Parameters that are tracking only if their value means "from a feed or a share button".
_TRACKING_PAIR = re.compile(
    r"(?:source|src|ref|from|partner|emc|cmp|campaign|medium|via|rss|feed|origin|referrer)="
    r"(?:rss|feed|atom|feedburner|newsletter|email|share|social|twitter|facebook|timeline"
    r"|singlemessage|groupmessage|wechat|weibo)[\w.+-]*|rss=1|(?:from|feature)=emb[\w.]*",
    re.IGNORECASE,
)
# Media types by file extension: audio, video, images and documents found in feeds.
_TYPES = {
    "mp3": "audio/mpeg", "m4a": "audio/mp4", "m4b": "audio/mp4", "aac": "audio/aac",
    "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg", "flac": "audio/flac",
    "wav": "audio/wav", "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime",
    "webm": "video/webm", "ogv": "video/ogg", "mkv": "video/x-matroska",
    "m3u8": "application/vnd.apple.mpegurl", "jpg": "image/jpeg", "jpeg": "image/jpeg",
    "png": "image/png", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
    "svg": "image/svg+xml", "pdf": "application/pdf", "epub": "application/epub+zip",
    "vtt": "text/vtt", "srt": "application/x-subrip",
}  # fmt: skip
_BRIDGE = re.compile(r"^(?:link|links|go|jump|out|l|redirect|exit|away|url)\d?\.", re.IGNORECASE)
_BRIDGE_PATH = re.compile(
    r"/(?:link|redirect|url|jump|out(?:bound|link)?|away|goto?|external|leave|exit|safe(?:ty)?-?link)"
    r"(?:[./?]|$)",
    re.IGNORECASE,
)
_TARGETS = ("target", "url", "u", "to", "link", "dest", "destination", "goto", "redirect", "q", "z")
# Images of persons, emoji and tracking pixels; images of articles have other names.
_DECORATION = re.compile(
    r"gravatar\.com/|[/_.-]avatars?[/_.-]|/emojis?/|/smil(?:ies|eys)/|/twemoji/"
    r"|/pixel\.|/1x1\.|//feeds\.feedburner\.com/~|//pixel\.|//stats?\.",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>\"\\^`{|}\u200b\ufeff]")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_MAX_LENGTH = 4096  # characters; a longer one is data, not the URL of a page


def clean_url(url: str) -> str:
    """The URL without tracking parameters and with invalid characters escaped or removed."""
    url = _FORBIDDEN.sub(_escape_forbidden, url.strip())
    if "?" not in url:
        return url
    head, _, rest = url.partition("?")
    query, hash_mark, fragment = rest.partition("#")
    kept = "&".join(pair for pair in query.split("&") if pair and not _is_tracking(pair))
    return head + ("?" + kept if kept else "") + hash_mark + fragment


def web_url(address: str | None, base: str | None = None, *, whole: bool = False) -> str | None:
    """`address` as a clean http(s) URL, resolved against `base`; None for anything else.

    `whole`: keep all parameters. `?feed=rss2` is the feed URL of a WordPress site.
    """
    if not address:
        return None
    address = address.strip()
    if len(address) > _MAX_LENGTH:
        return None
    if base and not address.startswith(("http://", "https://")):
        address = _join(base, address)
    lowered = address[:8].lower()
    if not lowered.startswith(("http://", "https://")) or len(address) < 9:
        return None
    if not _has_host(address):
        return None
    return _FORBIDDEN.sub(_escape_forbidden, address) if whole else clean_url(address)


def _has_host(address: str) -> bool:
    """Whether a host follows `//`; only URLs with brackets need the full parser."""
    rest = address.partition("//")[2][:1]
    if not rest or rest in "/?#:@":
        return False
    if "[" not in address and "]" not in address:
        return True
    try:
        return bool(urlsplit(address).hostname)
    except ValueError:
        return False


@lru_cache(maxsize=1024)  # one entry needs it for several keys
def canonical_url(url: str) -> str:
    """One form for equivalent spellings of a URL; used as a key, never published."""
    try:
        parts = urlsplit(clean_url(url))
        port = parts.port
    except ValueError:
        return url
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    if port and port not in (80, 443):
        host += f":{port}"
    path = _normal_escapes(parts.path).rstrip("/") or "/"
    query = "&".join(sorted(_normal_escapes(parts.query).split("&")))
    fragment = parts.fragment if parts.fragment.startswith(("!", "/")) else ""
    return urlunsplit(("https", host, path, query, fragment))


def host_of(url: str) -> str:
    """The host of a URL in lower case, without `www.`, or empty."""
    start = url.find("//")
    if start < 0:
        return ""
    end = len(url)
    for mark in "/?#":
        found = url.find(mark, start + 2, end)
        end = found if found >= 0 else end
    host = url[start + 2 : end].rpartition("@")[2].lower()
    if not host.endswith("]"):
        host = host.partition(":")[0]
    return host.removeprefix("www.")


def without_feed_scheme(address: str, *, scheme: str = "http") -> str:
    """`feed:https://host/x` or `itpc://host/x` as a web URL; other URLs unchanged."""
    rest = re.sub(r"^(?:feed|itpc|pcast):(?://)?", "", stated := address.strip(), flags=re.I)
    return rest if rest == stated or re.match(r"https?:", rest, re.I) else f"{scheme}://{rest}"


def _is_tracking(pair: str) -> bool:
    name = pair.partition("=")[0].removeprefix("amp;")
    return bool(_TRACKING.fullmatch(name) or _TRACKING_PAIR.fullmatch(pair))


def _escape_forbidden(match: re.Match[str]) -> str:
    char = match[0]
    if char in "\t\r\n\u200b\ufeff" or char < " ":
        return ""
    return quote(char, safe="")


def _join(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def _normal_escapes(part: str) -> str:
    part = quote(part, safe="%/:?#[]@!$&'()*+,;=~-._")
    return _ESCAPE.sub(_normal_escape, part)


def _normal_escape(match: re.Match[str]) -> str:
    char = unquote(match[0])
    return char if char in _UNRESERVED else match[0].upper()


_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'<>]*@", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^\s/@?#]+@")
_QUERY = re.compile(r"(\bhttps?://[^\s?#\"'<>]+\?)[^\s#\"'<>]+", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """`redis://:secret@host/0` as `redis://***@host/0`."""
    return _USERINFO.sub(r"\1***@", text)


def for_logs(text: str) -> str:
    """The same, also without the query of web URLs: `https://host/feed?key=1` ends at `?…`."""
    return _QUERY.sub(r"\1…", without_credentials(text))


def without_login(text: str) -> str:
    """`text` with the `user:password@` removed from the URLs in it."""
    return _LOGIN.sub("", text)


def type_by_name(address: str) -> str:
    """The media type for a file name's extension; empty if unknown."""
    name = address.partition("?")[0].partition("#")[0].rpartition("/")[2]
    return _TYPES.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def is_decoration(address: str) -> bool:
    """Whether an image shows a person's portrait, an emoji or nothing."""
    return _DECORATION.search(address) is not None


def redirect_target(address: str | None) -> str | None:
    """The target URL of a redirecting link, taken from its parameters; other links unchanged.

    `link.site/?target=https%3A//b.example/1` redirects; a share link, which holds its own page's
    URL, does not.
    """
    if not address or "?" not in address or "http" not in address.partition("?")[2]:
        return address
    parts = urlsplit(address)
    if not _BRIDGE.match(parts.netloc) and not _BRIDGE_PATH.search(parts.path):
        return address
    stated = dict(parse_qsl(parts.query))
    return next((found for name in _TARGETS if (found := web_url(stated.get(name), None))), address)
