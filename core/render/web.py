"""What may stand in a published feed as an address, a language or a media type."""

from __future__ import annotations

import re
from posixpath import splitext
from urllib.parse import urlsplit

from yarl import URL

_PLAIN = re.compile(r"https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@?#]+@")
_BY_SUFFIX = {
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
}


def web_address(url: str | None) -> str | None:
    """`url` as an http(s) address in ASCII, without credentials; None if it is anything else."""
    if not url:
        return None
    url = without_credentials(url.strip())
    if _PLAIN.fullmatch(url) and "%" not in url:
        return url
    try:
        parsed = URL(url)
    except ValueError:
        return None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        return None
    return str(parsed)


def without_credentials(text: str) -> str:
    """`text` without the `user:password@` of the addresses in it."""
    return _CREDENTIALS.sub("", text)


def language_tag(language: str | None) -> str | None:
    """`language` if it is a well-formed tag such as `zh-Hans`."""
    tag = (language or "").strip().replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None


def media_type(url: str, stated: str | None) -> str:
    """The stated type if well-formed, else one from the address's ending."""
    kind = (stated or "").split(";")[0].strip().lower()
    if _MEDIA_TYPE.fullmatch(kind):
        return kind
    return _BY_SUFFIX.get(splitext(urlsplit(url).path)[1].lower(), "application/octet-stream")
