"""Players and other embedded documents become links: nothing foreign runs in a reader."""

from __future__ import annotations

import re
from html import escape

from lxml import etree

from core.body.images import is_tiny
from core.text import collapse
from core.urls import host_of, web_url

# What a player's frame shows is published at an address of its own; readers want that one.
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
    address = _published(address)
    label = collapse(element.get("title") or "").strip()[:120] or host_of(address)
    return address, f'<a href="{escape(address)}">▶ {escape(label)}</a>', label


def _published(address: str) -> str:
    for player, page in _PLAYERS:
        match = player.search(address)
        if match:
            return page.format(match[1])
    return address
