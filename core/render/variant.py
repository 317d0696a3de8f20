"""One item in simplified or traditional characters, for reading; addresses and ids stay."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Literal

from opencc import OpenCC

from core.render.items import FeedItem

Variant = Literal["hans", "hant"]
_CONFIGURATION = {"hans": "t2s", "hant": "s2t"}
_LANGUAGE = {"hans": "zh-Hans", "hant": "zh-Hant"}
_TAG = re.compile(r"""(<(?:[^<>"']|"[^"]*"|'[^']*')*>)""")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")


def in_variant(item: FeedItem, variant: Variant) -> FeedItem:
    """`item` with its text in `variant`; one without Chinese characters is returned as it is."""
    if not _HAN.search(item.title + item.summary) or (item.language or "").startswith("ja"):
        return item  # Japanese writes with some of the same characters, and means others
    return replace(
        item,
        title=convert(item.title, variant),
        author=convert(item.author, variant) if item.author else None,
        html=convert_html(item.html, variant) if item.html else item.html,
        summary=convert(item.summary, variant),
        language=_LANGUAGE[variant],
        tags=tuple(dict.fromkeys(convert(tag, variant) for tag in item.tags)),
    )


def convert(text: str, variant: Variant) -> str:
    """Plain text in `variant`."""
    converted: str = _converter(variant).convert(text)
    return converted


def convert_html(html: str, variant: Variant) -> str:
    """Markup in `variant`: the text between the tags; an address may hold Chinese characters."""
    parts = _TAG.split(html)
    parts[::2] = [convert(part, variant) if _HAN.search(part) else part for part in parts[::2]]
    return "".join(parts)


@cache
def _converter(variant: Variant) -> OpenCC:
    return OpenCC(_CONFIGURATION[variant])
