"""Variants of an item: in the other Chinese script, or with images through the proxy."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import replace
from functools import cache
from html import escape, unescape
from typing import Literal, NamedTuple

from opencc import OpenCC

from core.render.items import FeedItem
from core.text import converter

_SIGNED_BYTES = 20  # bytes of the signature; 160 bits cannot be guessed
_PICTURE = re.compile(r'(<img\b[^<>]*?\bsrc=")([^"]*)(")')  # in the sanitizer's output format


class PictureProxy(NamedTuple):
    """The proxy through which readers fetch images."""

    base: str  # URL of this service with trailing slash; absolute, or relative to a page
    key: bytes

    def address(self, url: str) -> str:
        """The signed proxy URL for `url`."""
        return f"{self.base}pictures/{signature(url, key=self.key)}/{_encoded(url.encode())}"


def with_proxied_images(item: FeedItem, proxy: PictureProxy) -> FeedItem:
    """`item` with image URLs that point to `proxy`; links and attachments are unchanged."""

    def behind(found: re.Match[str]) -> str:
        return found[1] + escape(proxy.address(unescape(found[2]))) + found[3]

    return replace(
        item,
        html=_PICTURE.sub(behind, item.html) if item.html else item.html,
        image=proxy.address(item.image) if item.image else None,
        original_image=item.image,
    )


def signature(url: str, *, key: bytes) -> str:
    """The HMAC of `url` with `key`, encoded for a URL."""
    return _encoded(hmac.digest(key, url.encode(), hashlib.sha256)[:_SIGNED_BYTES])


def signed_url(signed: str, encoded: str, *, key: bytes) -> str | None:
    """Decode a URL; None unless `signed` is its signature."""
    try:
        padded = encoded.encode("ascii") + b"=" * (-len(encoded) % 4)
        url = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        return None
    right = signature(url, key=key).encode()
    return url if hmac.compare_digest(right, signed.encode("utf-8", "surrogateescape")) else None


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


Variant = Literal["hans", "hant"]
_CONFIGURATION = {"hans": "t2s", "hant": "s2t"}
_LANGUAGE = {"hans": "zh-Hans", "hant": "zh-Hant"}
_TAG = re.compile(r"""(<(?:[^<>"']|"[^"]*"|'[^']*')*>)""")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")


def in_variant(item: FeedItem, variant: Variant) -> FeedItem:
    """`item` with its text in `variant`; unchanged if it has no Chinese text."""
    if not _HAN.search(item.title + item.summary) or (item.language or "").startswith("ja"):
        return item  # the characters look the same in Japanese but must not be converted
    return replace(
        item,
        title=convert(item.title, variant),
        authors=tuple(convert(name, variant) for name in item.authors),
        source=replace(item.source, title=convert(item.source.title, variant)),
        html=convert_html(item.html, variant) if item.html else item.html,
        summary=convert(item.summary, variant),
        language=_LANGUAGE[variant],
        tags=tuple(dict.fromkeys(convert(tag, variant) for tag in item.tags)),
    )


def convert(text: str, variant: Variant) -> str:
    """Convert plain text to `variant`."""
    converted: str = _converter(variant).convert(text)
    return converted


def convert_html(html: str, variant: Variant) -> str:
    """Convert the text between the tags to `variant`; URLs stay as they are."""
    parts = _TAG.split(html)
    parts[::2] = [convert(part, variant) if _HAN.search(part) else part for part in parts[::2]]
    return "".join(parts)


@cache
def _converter(variant: Variant) -> OpenCC:
    return converter(_CONFIGURATION[variant])
