"""What a page states about itself: title, author, date, addresses, and what kind of page it is.

The head speaks by Open Graph, JSON-LD, meta elements and the canonical link; forums and manuals
name their program. In a thread the posts are the text; below an article they are comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from core import dates
from core.body.byline import stated_author
from core.body.html import inner_text, spaced_text
from core.text import plain_title
from core.urls import canonical_url, web_url

_ARTICLE_TYPES = re.compile(r"Article|BlogPosting|Report|NewsStory|LiveBlog", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s+[-–—|·»:_]+\s+|\s*[|_｜]\s*|(?<=[\u4e00-\u9fff])\s*[-–—]+\s*")
_MOST_JSON = 200_000  # characters; the longest JSON-LD of 177 public pages has 41,000


@dataclass(slots=True)
class PageMetadata:
    """What the head states; None where it states nothing."""

    title: str | None = None
    author: str | None = None
    published: str | None = None
    image: str | None = None
    canonical: str | None = None
    language: str | None = None
    base: str | None = None


def read_head(root: etree._Element, url: str | None) -> PageMetadata:
    """The metadata of a page, best source first."""
    metas = _metas(root)
    linked = next(_linked_data(root), {})
    base = _base(root, url) or _canonical(root, metas, None)
    return PageMetadata(
        title=_title(root, metas, linked),
        author=_author(metas, linked),
        published=_published(metas, linked, root),
        image=web_url(_first(metas, "og:image", "twitter:image", "og:image:url"), base),
        canonical=_canonical(root, metas, base),
        language=root.get("lang") or _first(metas, "og:locale"),
        base=base,
    )


def _metas(root: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        content = meta.get("content")
        if name and content and content.strip():
            found.setdefault(name.lower(), content.strip())
    return found


def _first(metas: dict[str, str], *names: str) -> str | None:
    return next((metas[name] for name in names if name in metas), None)


def _linked_data(root: etree._Element) -> Iterator[dict[str, Any]]:
    """The JSON-LD objects that describe an article."""
    for script in root.iter("script"):
        if script.get("type") != "application/ld+json":
            continue
        try:
            data = json.loads(inner_text(script)[:_MOST_JSON], strict=False)
        except (ValueError, RecursionError):
            continue
        for item in _objects(data):
            kind = item.get("@type")
            kinds = kind if isinstance(kind, list) else [kind]
            if any(isinstance(k, str) and _ARTICLE_TYPES.search(k) for k in kinds):
                yield item


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    for item in data if isinstance(data, list) else [data]:
        if isinstance(item, dict):
            yield item
            graph = item.get("@graph")
            yield from (
                (part for part in graph if isinstance(part, dict))
                if isinstance(graph, list)
                else ()
            )


def _title(root: etree._Element, metas: dict[str, str], linked: dict[str, Any]) -> str | None:
    headings = [text for text in map(spaced_text, root.iter("h1")) if text]
    heading = plain_title(headings[0]) if len(headings) == 1 else None
    named = next(map(spaced_text, root.iter("title")), None)
    site = metas.get("og:site_name")
    headline = linked.get("headline")
    for stated in (_first(metas, "og:title", "twitter:title"), headline, named):
        title = plain_title(stated) if isinstance(stated, str) else None
        if title:
            return _without_site(title, site, heading)
    return heading


def _without_site(title: str, site: str | None, heading: str | None) -> str:
    """“Headline - Site” is the headline where the page repeats it elsewhere."""
    if heading and len(heading) >= 8 and title.startswith(heading):
        return heading
    parts = _SEPARATOR.split(title)
    if len(parts) > 1 and site and parts[-1].strip().lower() == site.strip().lower():
        return title[: title.rfind(parts[-1])].rstrip(" -–—|·»:_｜")
    return title


def _author(metas: dict[str, str], linked: dict[str, Any]) -> str | None:
    named = linked.get("author")
    people = named if isinstance(named, list) else [named]
    names = [person.get("name") if isinstance(person, dict) else person for person in people]
    joined = ", ".join(name.strip() for name in names if isinstance(name, str) and name.strip())
    for stated in (joined, _first(metas, "author", "article:author", "byl", "dc.creator")):
        if stated and not stated.startswith(("http://", "https://")):
            name = stated_author(stated)
            if name:
                return re.sub(r"^[Bb]y\s+", "", name)
    return None


def _published(metas: dict[str, str], linked: dict[str, Any], root: etree._Element) -> str | None:
    stated = [
        _first(metas, "article:published_time", "og:article:published_time", "datepublished"),
        linked.get("datePublished"),
        _first(
            metas,
            "date",
            "pubdate",
            "publishdate",
            "dc.date",
            "dcterms.created",
            "parsely-pub-date",
        ),
        *(t.get("datetime") for t in root.iter("time") if t.get("pubdate") is not None),
        *(t.get("datetime") for t in root.iter("time") if t.get("itemprop") == "datePublished"),
    ]
    for value in stated:
        found = dates.stated(value) if isinstance(value, str) else None
        if found:
            return found
    return None


def _canonical(root: etree._Element, metas: dict[str, str], base: str | None) -> str | None:
    for link in root.iter("link"):
        if "canonical" in (link.get("rel") or "").lower().split():
            found = web_url(link.get("href"), base)
            if found:
                return found
    return web_url(_first(metas, "og:url"), base)


def _base(root: etree._Element, url: str | None) -> str | None:
    found = next(root.iter("base"), None)
    stated = web_url(found.get("href"), url) if found is not None else None
    return stated or url


def is_elsewhere(canonical: str | None, url: str | None) -> bool:
    """Whether the canonical address is another article than the page's own."""
    return bool(canonical and url and canonical_url(canonical) != canonical_url(url))


_FORUM_PATH = re.compile(
    r"/(?:forums?|threads?|topics?|viewtopic|showthread|discussions?|questions?|comments|t|d|talk"
    r"|boards?|community|answers)(?:[/.?]|$)"
    r"|(?:^|[./])(?:forums?|boards?|bbs|community|discuss|talk|answers)\.",
    re.IGNORECASE,
)
_MANUAL_PATH = re.compile(
    r"(?:^|[./])(?:docs?|developers?|wiki|help|support|learn|man|manual|api|readthedocs|reference)\."
    r"|/(?:docs?|documentation|reference|manual|guides?|api|wiki|help|tutorials?|handbook|man\d?"
    r"|learn|kb)(?:[/.]|$)",
    re.IGNORECASE,
)
# Programs that serve forums and manuals name themselves in the generator or in their class names.
_FORUM_PROGRAMS = (
    "xenforo ipslayout phpbb vbulletin discourse flarum nodebb mybb simplemachines vanilla bbpress"
    " lemmy fluxbb punbb s-prose lia-message discuz"
).split()
_MANUAL_PROGRAMS = (
    "docusaurus sphinx mkdocs md-content vitepress vuepress gitbook theme-doc rst-content doxygen"
    " devsite markdown-body docsidebar toctree rustdoc javadoc mediawiki docutils asciidoctor"
    " antora"
).split()
_TYPES = re.compile(r"\"@type\"\s*:\s*(?:\"(\w+)\"|\[([^\]]{0,200})\])")
_MOST_LOOKED = 400_000  # characters; half of all pages have 122,000, one in a hundred 674,000
# Class names that programs give to the body of a post; the last two are schema.org's and Reddit's.
_POST_NAMES = frozenset(
    "message-body bbWrapper postcontent js-post__content-text cPost_contentWrap post_body cooked"
    " Post-body s-prose commtext lia-message-body-content userContent Message bbp-reply-content"
    " bbp-topic-content usertext-body t_f".split()
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How much speaks for each kind; 3 is certain, below 1 is chance."""

    forum: float
    manual: float
    article: float


def is_post(element: etree._Element) -> bool:
    """Whether the element is the body of a post, as the usual forum programs mark it."""
    names = (element.get("class") or "").split()
    if not _POST_NAMES.isdisjoint(names) or (element.get("id") or "").startswith("post_message_"):
        return True
    return (
        element.get("itemprop") == "text"
        or element.get("data-role") == "commentContent"
        or element.get("component") == "post/content"
    )


def kind_of_page(page: str, root: etree._Element, posts: int) -> Kind:
    """The signs of each kind, weighed; `posts` is how many bodies of posts the page has."""
    metas = {
        (meta.get("property") or meta.get("name") or "").lower(): meta.get("content") or ""
        for meta in root.iter("meta")
    }
    links = [link.get("href") or "" for link in root.iter("link") if link.get("rel") == "canonical"]
    address = (links or [metas.get("og:url", "")])[0]
    generator = metas.get("generator", "").lower()
    types = _types(root)
    lowered = page[:_MOST_LOOKED].lower()

    def programs(names: list[str]) -> float:
        named = 3.0 if any(name in generator for name in names) else 0.0
        return named + min(2, sum(name in lowered for name in names))

    return Kind(
        forum=3 * bool(types & {"DiscussionForumPosting", "QAPage"})
        + programs(_FORUM_PROGRAMS)
        + 1.5 * bool(_FORUM_PATH.search(address))
        + 1.5 * (posts >= 3),
        manual=programs(_MANUAL_PROGRAMS)
        + 1.5 * bool(_MANUAL_PATH.search(address))
        + 0.7 * (sum(1 for _ in root.iter("pre")) >= 3),
        article=2 * bool(types & {"NewsArticle", "BlogPosting", "Article"})
        + ("article:published_time" in metas)
        + (metas.get("og:type") == "article"),
    )


def _types(root: etree._Element) -> set[str]:
    found: set[str] = set()
    for script in root.iter("script"):
        if script.get("type") == "application/ld+json":
            for one, several in _TYPES.findall(inner_text(script)[:_MOST_LOOKED]):
                found |= {one} | set(re.findall(r"\w+", several))
    return found
