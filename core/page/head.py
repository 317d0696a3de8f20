"""Read the metadata in a page's head: title, author, date, image, URLs.

Open Graph, JSON-LD, meta elements and the canonical link, most reliable first. If these state
nothing, the visible page is read (`authors.py`, `core/body/byline.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lxml import etree

from core import dates
from core.body.html import inner_text, spaced_text
from core.page.authors import name_in_byline
from core.text import letters_only, plain_title, wide_share
from core.urls import canonical_url, web_url

_ARTICLE_TYPES = re.compile(
    r"Article|BlogPosting|Report|NewsStory|LiveBlog|ForumPosting|QAPage|Question|Recipe|HowTo",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s+[-–—|·•»:_/]+\s+|\s*[|_｜]\s*|(?<=[\u4e00-\u9fff])\s*[-–—]+\s*")
_CHINESE_SITE = re.compile(
    "^[^\\d，。]{1,14}(?:网|網|网站|網站|在线|频道|客户端|订阅|公报|日报|晚报)$"
)
_MOST_JSON = 200_000  # characters; the longest JSON-LD of 177 public pages has 41,000
_WORD = re.compile(r"\w+")
# On 501 public pages the visible headline equals the title more often than `og:title` (.90 to .87).
_SAME_WORDS = 0.5  # minimum share of the words of the longer of heading and title
_LEAST_START = 8  # characters; a shorter heading at the start of a title may be its section
_PART = 0.7  # minimum share of a heading that is part of the title; the rest is a label
_SHARED = 3  # words
_MOST_HEADINGS = 5
_LONGEST = 500  # characters; 99 of 100 titles of 977 public pages have at most 80 letters
# Meta elements with which public pages state author and date, most exact first.
_AUTHOR_METAS = (
    "author", "article:author", "byl", "dc.creator", "parsely-author", "sailthru.author",
    "citation_author", "og:article:author", "dcterms.creator", "cxenseparse:author",
)  # fmt: skip
_DATE_METAS = (
    "article:published_time", "og:article:published_time", "og:published_time", "datepublished",
    "published",
)  # fmt: skip
_OTHER_DATE_METAS = (
    "apub:time", "og:time", "pubdate", "publishdate", "date", "dc.date", "dc.date.issued",
    "dcterms.created", "dcterms.issued", "dcterms.date", "parsely-pub-date", "sailthru.date",
    "citation_publication_date", "citation_date", "publication_date", "firstpublishedtime",
    "ms.date", "dateupdate", "og:release_date", "weibo: article:create_at",
)  # fmt: skip


@dataclass(slots=True)
class PageMetadata:
    """Metadata in the head; None where nothing is stated."""

    title: str | None = None
    author: str | None = None
    organization: str | None = None  # organization stated as the author
    published: str | None = None
    is_rebuilt: bool = False  # `published` equals the day of the last change
    image: str | None = None
    image_alt: str | None = None
    canonical: str | None = None
    language: str | None = None
    base: str | None = None
    site: str | None = None
    description: str | None = None
    shown_author: str | None = None  # in the visible page, if the head states no author


def read_head(root: etree._Element, url: str | None) -> PageMetadata:
    """The metadata of a page; the most reliable source of each field wins."""
    metas = _metas(root)
    linked = list(_linked_data(root))
    base = _base(root, url) or _canonical(root, metas, None)
    named = next((text for text in map(spaced_text, root.iter("title")) if text), None)
    site = _first(metas, "og:site_name", "application-name", "sitename") or _last_part(named)
    author, organization = _author(metas, linked, site)
    chinese = wide_share(named or "") > 0.3
    published = _first_date(_published(metas, linked, root), chinese)
    modified = [metas.get("article:modified_time"), metas.get("og:updated_time")]
    modified += [item.get("dateModified") for item in linked]
    changed = {(_first_date([each], chinese) or "")[:10] for each in modified}
    return PageMetadata(
        title=_title(root, metas, linked, named),
        author=author,
        organization=organization,
        published=published,
        is_rebuilt=published is not None and published[:10] in changed,
        image=web_url(_first(metas, "og:image", "twitter:image", "og:image:url"), base),
        image_alt=(_first(metas, "og:image:alt", "twitter:image:alt") or "")[:_LONGEST] or None,
        canonical=_canonical(root, metas, base),
        language=root.get("lang") or _first(metas, "og:locale"),
        base=base,
        site=site,
        description=_first(metas, "og:description", "description", "twitter:description"),
    )


def _metas(root: etree._Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop")
        content = meta.get("content")
        if name and content and content.strip():
            found.setdefault(name.strip().lower(), content.strip())
    return found


def _first(metas: dict[str, str], *names: str) -> str | None:
    return next((metas[name] for name in names if name in metas), None)


def _last_part(title: str | None) -> str | None:
    parts = _SEPARATOR.split(title or "")
    return parts[-1] if len(parts) > 1 else None


def _linked_data(root: etree._Element) -> Iterator[dict[str, Any]]:
    """JSON-LD objects of articles, with authors resolved by `@id`."""
    found: list[dict[str, Any]] = []
    for script in root.iter("script"):
        if script.get("type") != "application/ld+json":
            continue
        try:
            data = json.loads(inner_text(script)[:_MOST_JSON], strict=False)
        except (ValueError, RecursionError):
            continue
        found += _objects(data)
    by_id = {item["@id"]: item for item in found if isinstance(item.get("@id"), str)}
    for item in found:
        kind = item.get("@type")
        kinds = kind if isinstance(kind, list) else [kind]
        if any(isinstance(k, str) and _ARTICLE_TYPES.search(k) for k in kinds):
            people = item.get("author")
            people = people if isinstance(people, list) else [people]
            named = [
                by_id.get(str(each.get("@id")), each) if isinstance(each, dict) else each
                for each in people
            ]
            yield {**item, "author": named}


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    for item in data if isinstance(data, list) else [data]:
        if isinstance(item, dict):
            yield item
            for inner in (item.get("@graph"), item.get("mainEntity")):
                parts = inner if isinstance(inner, list) else [inner]
                yield from (part for part in parts if isinstance(part, dict))


def _title(
    root: etree._Element, metas: dict[str, str], linked: list[dict[str, Any]], named: str | None
) -> str | None:
    first = islice(root.iter("h1"), _MOST_HEADINGS)
    headings = [text for each in first if (text := spaced_text(each)[:_LONGEST].strip("¶#» "))]
    headline = next((item["headline"] for item in linked if "headline" in item), None)
    stated = (_first(metas, "og:title", "twitter:title"), headline, named)
    texts = [each[:_LONGEST] for each in stated if isinstance(each, str)]
    titles = [title for each in texts if (title := plain_title(each))]
    heading = _headline(headings, titles) or _alone(headings, titles)
    if heading or not titles:
        return heading
    return _without_site(titles[0], metas.get("og:site_name"))


def _headline(headings: list[str], titles: list[str]) -> str | None:
    """The heading that matches a stated title; stated titles are often cut or made for search.

    The longest part of a title is its headline; the other parts are site and section.
    """
    best, most = None, _SAME_WORDS
    for heading in headings:
        words = _words(heading)
        for title in titles:
            parts = _SEPARATOR.split(title)
            known = max(map(_words, parts), key=len)
            same = len(words & known) / max(1, len(words), len(known))
            begins = title.startswith(heading) and len(heading) >= _LEAST_START
            if begins and len(known) < 2 * len(words):
                same = 1.0
            if same > most:
                best, most = heading, same
            for part in parts:
                # A heading with a label: 停了七年的渡轮 原创, Blog: The ferry is back
                is_part = part != heading and len(part) >= max(_LEAST_START, _PART * len(heading))
                if is_part and (heading.startswith(part) or heading.endswith(part)):
                    return part
    return plain_title(best)


def _alone(headings: list[str], titles: list[str]) -> str | None:
    """A heading that is the first part of a title, such as “Models”, or the page's only heading.

    The only heading must share words with the title: on 38 of 51 public pages it is the headline.
    """
    parts = [_SEPARATOR.split(title) for title in titles]
    first = next((each for each in headings if any(each == part[0] for part in parts)), None)
    if first is None and len(headings) == 1:
        (only,) = headings
        shared = max((len(_words(only) & _words(title)) for title in titles), default=_SHARED)
        if shared >= _SHARED and all(only not in part for part in parts):
            first = only
    return plain_title(first)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _without_site(title: str, site: str | None) -> str:
    """Remove the site's name from “Headline - Site”, if stated elsewhere or Chinese."""
    parts = _SEPARATOR.split(title)
    named = site and parts[-1].strip().lower() == site.strip().lower()
    if len(parts) > 1 and (named or _CHINESE_SITE.search(parts[-1])):
        return _without_site(title[: title.rfind(parts[-1])].rstrip(" -–—|·»:_｜"), site)
    return title


def _author(
    metas: dict[str, str], linked: list[dict[str, Any]], site: str | None
) -> tuple[str | None, str | None]:
    """The persons stated as authors, and the organization stated as author."""
    people: dict[str, str] = {}
    organization: str | None = None
    for item in linked:
        for each in item["author"]:
            stated = each.get("name") if isinstance(each, dict) else each
            name = name_in_byline(stated, site) if isinstance(stated, str) else None
            if not name:
                continue
            publisher = item.get("publisher")
            owner = publisher.get("name") if isinstance(publisher, dict) else None
            is_person = not isinstance(each, dict) or each.get("@type") != "Organization"
            letters = letters_only(name)
            if is_person and letters not in (letters_only(str(owner)), letters_only(site or "")):
                people.setdefault(letters, name)
            else:
                organization = organization or name
        if people:
            break
    if people:
        return ", ".join(people.values()), organization
    labels = [metas[f"twitter:data{n}"] for n in (1, 2)
              if re.search(r"writ|author|by\b", metas.get(f"twitter:label{n}", ""), re.IGNORECASE)
              and f"twitter:data{n}" in metas]  # fmt: skip
    for stated in [*labels, *(metas[name] for name in _AUTHOR_METAS if name in metas)]:
        name = None if stated.startswith(("http://", "https://")) else name_in_byline(stated, site)
        if name and letters_only(name) != letters_only(site or ""):
            return name, organization
        organization = organization or name
    return None, organization


def _published(
    metas: dict[str, str], linked: list[dict[str, Any]], root: etree._Element
) -> list[str | None]:
    """Candidate dates of publication, most reliable first; dates of changes come last."""
    times = list(root.iter("time"))
    return [
        *(metas.get(name) for name in _DATE_METAS),
        *(item.get("datePublished") or item.get("dateCreated") for item in linked),
        *(metas.get(name) for name in _OTHER_DATE_METAS),
        *(time.get("datetime") for time in times if time.get("pubdate") is not None),
        *(time.get("datetime") for time in times if time.get("itemprop") == "datePublished"),
        *(item.get("dateModified") for item in linked),
    ]


def _first_date(values: list[str | None], chinese: bool) -> str | None:
    stated = (dates.stated(each, chinese=chinese) for each in values if isinstance(each, str))
    return next(filter(None, stated), None)


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
    """Whether the canonical URL is another article than the page's own."""
    return bool(canonical and url and canonical_url(canonical) != canonical_url(url))
