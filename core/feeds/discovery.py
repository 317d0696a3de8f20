"""From the address of a web page to the address of its feed.

Pages name their feeds (`rel=alternate`); some large sites do not, but have one at a known place.
"""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, quote, urlsplit

from core.urls import web_url

ALTERNATES_KEPT = 10  # WordPress names two: of articles and of comments
_HEAD = 524_288  # characters; some pages put megabytes of script before their links

_FEED_TYPES = frozenset(
    (
        "application/rss+xml",
        "application/atom+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/json",
        "application/xml",
        "text/xml",
    )
)
_LINK = re.compile(r"<link\b([^<>]{1,2000})>", re.IGNORECASE)
_BASE = re.compile(r"<base\b([^<>]{1,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]{2,20})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_COMMENT_FEED = re.compile(r"comments?\b|评论", re.IGNORECASE)
_YOUTUBE_FEED = "https://www.youtube.com/feeds/videos.xml?"
_YOUTUBE_ID = re.compile(r"""(?:channelId|externalId|channel_id)["'=:\s]{1,4}(UC[\w-]{22})""")


def named_feeds(page: str, *, url: str) -> tuple[str, ...]:
    """The feeds a web page names, the most likely first."""
    head = page[:_HEAD]
    stated = _BASE.search(head)
    base = (web_url(_attributes(stated[1]).get("href"), url) if stated else None) or url
    found: list[tuple[int, str]] = []
    for tag in _LINK.finditer(head):
        attributes = _attributes(tag[1])
        address = web_url(attributes.get("href"), base)
        weight = _weight(attributes)
        if address and weight:
            found.append((weight, address))
    found.sort(key=lambda pair: -pair[0])
    channel = _youtube_channel(head, url)
    return tuple(dict.fromkeys([*channel, *(address for _, address in found)]))[:ALTERNATES_KEPT]


def known_feed(url: str) -> str | None:
    """The feed of a YouTube, Reddit or GitHub page, from its address alone."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return None
    steps = [step for step in parts.path.split("/") if step]
    if host == "youtube.com":
        return _youtube(steps, parts.query)
    if host in ("reddit.com", "old.reddit.com"):
        return _reddit(steps)
    if host == "github.com":
        return _github(steps)
    return None


def guessed_feed(url: str) -> str | None:
    """The feed of a person on Mastodon or its relatives, if their page names none.

    `https://host/@name` is how they address a person, but others do so too.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    person = re.fullmatch(r"/@[\w.]{1,64}/?", parts.path)
    if parts.scheme not in ("http", "https") or person is None:
        return None
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}.rss"


def _weight(attributes: dict[str, str]) -> int:
    """How likely a link is the feed of the page: 0 is not at all."""
    relations = attributes.get("rel", "").lower().split()
    kind = attributes.get("type", "").lower().partition(";")[0].strip()
    if "feed" not in relations and ("alternate" not in relations or kind not in _FEED_TYPES):
        return 0
    if kind == "application/json" and "wp-json" in attributes.get("href", ""):
        return 0
    if _COMMENT_FEED.search(attributes.get("title", "") + attributes.get("href", "")):
        return 1
    return 3 if kind in ("application/rss+xml", "application/atom+xml") else 2


def _attributes(tag: str) -> dict[str, str]:
    return {
        found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "").strip()
        for found in _ATTRIBUTE.finditer(tag)
    }


def _youtube_channel(head: str, url: str) -> list[str]:
    """A channel page under a chosen name holds its id in its scripts only."""
    if "youtube.com" not in url[:40]:
        return []
    found = _YOUTUBE_ID.search(head)
    return [f"{_YOUTUBE_FEED}channel_id={found[1]}"] if found else []


def _youtube(steps: list[str], query: str) -> str | None:
    if len(steps) >= 2 and steps[0] == "channel":
        return f"{_YOUTUBE_FEED}channel_id={quote(steps[1])}"
    if len(steps) >= 2 and steps[0] == "user":
        return f"{_YOUTUBE_FEED}user={quote(steps[1])}"
    playlist = parse_qs(query).get("list")
    if steps[:1] == ["playlist"] and playlist:
        return f"{_YOUTUBE_FEED}playlist_id={quote(playlist[0])}"
    return None


def _reddit(steps: list[str]) -> str | None:
    if not steps or steps[-1].startswith(".rss") or steps[-1].endswith(".rss"):
        return None
    if steps[0] in ("r", "u", "user") and len(steps) >= 2:
        return "https://www.reddit.com/" + "/".join(steps) + "/.rss"
    return None


def _github(steps: list[str]) -> str | None:
    if len(steps) == 3 and steps[2] in ("releases", "tags"):
        return f"https://github.com/{steps[0]}/{steps[1]}/{steps[2]}.atom"
    if len(steps) in (3, 4) and steps[2] == "commits":
        return "https://github.com/" + "/".join(steps) + ".atom"
    return None
