"""Find the URL of a website's feed, given the URL or the content of a page.

Pages declare their feeds in the head (`rel=alternate`), in the `Link` header, or in links for
readers. For sites without any, the usual paths are tried, those of the site's software first.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urljoin, urlsplit

from core.urls import host_of, web_url, without_feed_scheme

ALTERNATES_KEPT = 10  # WordPress declares two: articles and comments
PLACES_TRIED = 8  # usual paths to try; each costs a request to a site that declared no feed
_HEAD = 524_288  # characters; some pages put megabytes of script before their links

_FEED_TYPE = re.compile(
    r"(?:application|text)/(?:x-)?(?:rss|atom|rdf)(?:\+xml)?|application/(?:feed\+)?json"
    r"|(?:application|text)/xml"
)
_FEED_RELATIONS = frozenset(("feed", "rss", "atom", "service.feed"))
_RELATIONS = _FEED_RELATIONS | {"alternate"}
_SURE_TYPE = re.compile(r".*/(?:x-)?(?:rss|atom|rdf)|application/feed\+json")
# A quoted value may contain `>`.
_LINK = re.compile(
    r"""<link\b((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')++|[^<>]{1,2000})>""", re.IGNORECASE
)
_ANCHOR = re.compile(r"<(?:a|area|frame)\b([^<>]{1,2000})>", re.IGNORECASE)
LINKS_READ, _WORDS = 3000, 1500  # of a page, and characters read after each link
_BASE = re.compile(r"<base\b([^<>]{1,2000})>", re.IGNORECASE)
_LANGUAGE = re.compile(r"<html\b[^<>]{0,500}?\blang\s*=\s*[\"']?([a-z]{2})", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]{2,20})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_PARAMETER = re.compile(r"""([a-zA-Z*]{2,20})\s*=\s*(?:"([^"]*)"|([^\s;,"]+))""")
_COMMENT_FEED = re.compile(
    r"komment|comment(?:s?\b|[ao]i)|coment[aá]ri|reacties|коммент|コメント|댓글|评论|評論|留言|yorum",
    re.I,
)
# Feed URLs, recognized by the last step of the path or by a parameter.
_FEED_STEP = re.compile(
    r"/(?:[\w-]+[._-])?(?:rss|atom|feeds?)\d{0,2}(?:[._-]\w{2,5})?/?$|/index\.(?:xml|rdf)$"
    r"|/[\w.-]+\.(?:rss|atom|rdf)$|/(?:rss|atom|feeds?)\d{0,2}/[\w@./-]{1,100}$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|[?&])(?:feed|format|type|mod|output|alt)=(?:rss|atom)2?\b", re.I)
_FEED_WORDS = re.compile(r"(?<![a-z])(?:rss|atom|feeds?|xml|syndication)(?![a-z])|订阅|訂閱", re.I)
# Articles about feeds, and "add to reader" buttons, whose URL contains the feed's URL.
_ABOUT_FEEDS = re.compile(r"/wiki/|(?<=.)https?(?::|%3a)", re.IGNORECASE)
_METAS_READ = 200  # of a page; a long one has 60
_META = re.compile(r"<meta\b([^<>]{1,3000})>", re.IGNORECASE)
_REFRESH = re.compile(r"""\s*\d*(?:\.\d*)?\s*[;,]\s*(?:url\s*=)?\s*["']?([^"'\s]{1,2000})""", re.I)
_NEW_LOCATION = re.compile(r"<newLocation>\s*([^<\s]{1,2000})", re.IGNORECASE)
_LONGEST = 500  # characters; longer URLs are ignored
_YOUTUBE_FEED = "https://www.youtube.com/feeds/videos.xml?"

# Default feed paths by software (`generator`); `~` is the root of the site.
_PLACES_OF = {
    "wordpress": ("feed/", "~feed/", "?feed=rss2"), "ghost": ("~rss/",), "hugo": ("index.xml",),
    "jekyll": ("~feed.xml", "~atom.xml"), "hexo": ("~atom.xml", "~rss2.xml"), "blogger":
    ("~feeds/posts/default",), "discourse": ("~latest.rss",), "drupal": ("~rss.xml",), "substack":
    ("~feed",), "medium": ("~feed",), "tumblr": ("~rss",), "squarespace": ("?format=rss",), "wix":
    ("~blog-feed.xml",), "typecho": ("~feed/",), "joomla": ("?format=feed&type=rss",), "eleventy":
    ("~feed.xml", "~feed/feed.xml"), "gatsby": ("~rss.xml",), "astro": ("~rss.xml",), "docusaurus":
    ("~blog/rss.xml",), "mediawiki": ("~api.php?action=feedrecentchanges",), "discuz":
    ("~forum.php?mod=rss",), "zola": ("~atom.xml", "~rss.xml"), "pelican": ("~feeds/all.atom.xml",),
    "nikola": ("~rss.xml",), "write": ("feed/",), "shopify": ("~blogs/news.atom",),
}  # fmt: skip
# The most common paths; `/feed/` is WordPress, which runs four of ten sites (W3Techs, 2025).
_USUAL = "~feed/ ~rss.xml ~index.xml ~atom.xml ~feed.xml ~rss ~feed.json ?feed=rss2".split()


class NamedFeed(NamedTuple):
    """A feed declared by a page, and its title there."""

    url: str
    title: str = ""
    is_own: bool = True  # False: a third party may have posted the link, such as in a comment


def named_feeds(page: str, *, url: str) -> tuple[NamedFeed, ...]:
    """The feeds that a web page declares, most likely first."""
    page = _without_spans(page, "<!--", "-->")
    page = _without_spans(page, "<script", "</script")  # markup in scripts belongs to other pages
    head = page[:_HEAD]
    stated = _BASE.search(head)
    base = (_address(_attributes(stated[1]).get("href"), url) if stated else None) or url
    spoken = _LANGUAGE.search(head)
    language = spoken[1].lower() if spoken else ""
    found: list[tuple[int, NamedFeed]] = []
    for tag in _LINK.finditer(head):
        attributes = _attributes(tag[1])
        address, weight = _address(attributes.get("href"), base), _weight(attributes)
        other = attributes.get("hreflang", "")[:2].lower() not in ("", language)
        if address and weight:
            weight = 2 if other and weight > 2 else weight
            found.append((weight, NamedFeed(address, attributes.get("title", "")[:200])))
    if not any(weight > 1 for weight, _ in found):  # none, or only comment feeds
        found += _linked_feeds(page, base)
    within = url.partition("?")[0].rstrip("/") + "/"  # on a section's page, its feeds come first
    found.sort(key=lambda pair: (-pair[0], pair[0] > 1 and not pair[1].url.startswith(within)))
    return _unique(found, url)


def header_feeds(values: Iterable[str], *, url: str) -> tuple[NamedFeed, ...]:
    """The feeds that `Link` headers declare (RFC 8288)."""
    found = []
    for address, parameters in re.findall(r"<([^<>]{1,2000})>([^<]{0,1000})", ", ".join(values)):
        attributes = {
            n.lower(): quoted or bare for n, quoted, bare in _PARAMETER.findall(parameters)
        }
        target, weight = _address(address, url), _weight({**attributes, "href": address})
        if target and weight:
            found.append((weight, NamedFeed(target, attributes.get("title", ""))))
    return _unique(sorted(found, key=lambda pair: -pair[0]), url)


def moved_to(page: str, *, url: str) -> str | None:
    """The new URL stated by a document that is not a feed: `refresh`, or UserLand's `redirect`."""
    stated = _NEW_LOCATION.search(page[:_HEAD])
    if stated:
        return refreshed_to(f"0;{html.unescape(stated[1])}", url=url)
    return refreshed_to(_meta(page, "http-equiv", "refresh"), url=url)


def refreshed_to(value: str, *, url: str) -> str | None:
    """The target of a `Refresh` header or meta element; None if it is `url` itself.

    HTML, 4.2.5.3: seconds, then a URL, with or without `url=`.
    """
    found = _REFRESH.match(value)
    address = _address(found[1], url) if found else None
    return address if address != url else None


def usual_places(url: str, page: str) -> tuple[str, ...]:
    """URLs where an undeclared feed may be, at most PLACES_TRIED.

    Empty if `url` is a feed URL itself: another feed of the site is not what was subscribed to.
    """
    if _is_feed_address(url) or urlsplit(url).query or url.endswith((".xml", ".json")):
        return ()
    software = _meta(page, "name", "generator").lower()
    places = [place for name, own in _PLACES_OF.items() if name in software for place in own]
    root, folder = urljoin(url, "/"), url if url.endswith("/") else f"{url}/"
    if folder != root:  # a blog in a folder of its site: that folder first
        places += [place.removeprefix("~") for place in _USUAL[:3]]
    tried = (
        urljoin(root, place[1:]) if place.startswith("~") else urljoin(folder, place)
        for place in (*places, *_USUAL)
    )
    return tuple(dict.fromkeys(tried))[:PLACES_TRIED]


def known_feed(url: str) -> str | None:
    """The feed of a YouTube, Reddit or GitHub page, computed from its URL."""
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
    """The feed of a Mastodon (or compatible) profile, if its page declares none.

    Profile URLs are `https://host/@name`, but other software uses that form as well.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    person = re.fullmatch(r"/@[\w.]{1,64}/?", parts.path)
    if parts.scheme not in ("http", "https") or person is None:
        return None
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}.rss"


def _meta(page: str, kind: str, name: str) -> str:
    """The content of the page's meta element with this name."""
    tags = (_attributes(tag[1]) for tag in islice(_META.finditer(page[:_HEAD]), _METAS_READ))
    return next((t.get("content", "") for t in tags if t.get(kind, "").lower() == name), "")


def _without_spans(page: str, begin: str, end: str) -> str:
    """Remove all spans from `begin` to `end`. An expression is quadratic for unclosed ones."""
    first, *parts = page.split(begin)
    return first + "".join(part.partition(end)[2] if end in part else part for part in parts)


def _unique(found: Iterable[tuple[int, NamedFeed]], url: str) -> tuple[NamedFeed, ...]:
    once: dict[str, NamedFeed] = {}
    for _, feed in found:
        once.setdefault(feed.url, feed)
    return tuple(feed for feed in once.values() if feed.url != url)[:ALTERNATES_KEPT]


def _address(stated: str | None, base: str) -> str | None:
    stated = re.sub(r"[\t\r\n]", "", stated or "")  # WHATWG URL, 4.4
    return web_url(without_feed_scheme(stated, scheme=base.partition(":")[0]), base, whole=True)


def _weight(attributes: dict[str, str]) -> int:
    """How likely a link is the feed of the page: 4 is most, 0 is not a feed."""
    relations = attributes.get("rel", "").lower().split()
    kind = attributes.get("type", "").lower().partition(";")[0].strip()
    address, title = attributes.get("href", ""), attributes.get("title", "")
    named = not _RELATIONS.isdisjoint(relations)
    if not named and (relations or not _SURE_TYPE.match(kind)):
        return 0
    if "stylesheet" in relations or "wp-json" in address or "oembed" in address:
        return 0
    typed = bool(_FEED_TYPE.fullmatch(kind)) or not _FEED_RELATIONS.isdisjoint(relations)
    looks = _is_feed_address(address) or _FEED_WORDS.search(title)
    if not typed and (kind not in ("", "text/html") or attributes.get("hreflang") or not looks):
        return 0
    if _COMMENT_FEED.search(title + address):
        return 1
    return 4 if _SURE_TYPE.match(kind) else 3


def _linked_feeds(page: str, base: str) -> list[tuple[int, NamedFeed]]:
    """Feeds among the links of the body, by URL and link text."""
    found = []
    for tag in islice(_ANCHOR.finditer(page), LINKS_READ):
        attributes = _attributes(tag[1])
        stated = attributes.get("href") or attributes.get("src") or ""
        address = _address(stated, base)
        end = page.find("</a", tag.end(), tag.end() + _WORDS)
        inside = page[tag.end() : max(end, tag.end())]
        named = (attributes.get(name, "") for name in ("title", "aria-label", "alt"))
        words = " ".join([*re.sub(r"<[^<>]*>", " ", inside).split(), *filter(None, named)])
        shown = f"{words} {attributes.get('class', '')} {inside}"
        if address is None or _ABOUT_FEEDS.search(address):
            continue
        is_feed = _is_feed_address(address) or without_feed_scheme(stated) != stated.strip()
        mentions_feed = _FEED_WORDS.search(shown) is not None
        is_feed = is_feed or (mentions_feed and address.endswith(".xml"))
        host, site = host_of(address), host_of(base)
        own = host == site or host.endswith(f".{site}") or site.endswith(f".{host}")
        if is_feed and (mentions_feed or own):
            comments = _COMMENT_FEED.search(words + address)
            weight = 1 if comments else 3 if mentions_feed else 2
            found.append((weight if own else 0, NamedFeed(address, words[:200], own)))
        elif mentions_feed and own and address.rstrip("/") != base.rstrip("/"):
            found.append((1, NamedFeed(address, words[:200])))
    return found


def _is_feed_address(address: str) -> bool:
    if len(address) > _LONGEST:
        return False
    path, _, query = address.partition("#")[0].partition("?")
    return bool(_FEED_STEP.search(f"/{path}") or _FEED_QUERY.search(query))


def _attributes(tag: str) -> dict[str, str]:
    return {
        found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "").strip()
        for found in _ATTRIBUTE.finditer(tag)
    }


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
