"""What feedparser says of one entry, as one of ours: bodies, links, dates, files, all bounded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from core.feeds.feed_dates import parse_date
from core.models import Enclosure, FeedEntry
from core.text import plain_title
from core.urls import web_url

AUTHOR_KEPT = 200
TAGS_KEPT = 50
ENCLOSURES_KEPT = 20

_MAILBOX = re.compile(
    r"\S{1,90}@\S{1,90} \((.{1,90})\)|\"?([^<>@\"]{1,90})\"? ?<\S{1,90}@\S{1,90}>"
)
_HTML = frozenset(("text/html", "application/xhtml+xml"))


def feed_entry(raw: Any, position: int, found: Any, *, url: str, longest: int) -> FeedEntry:
    """The entry `raw` of the document `found` that came from `url`; no body over `longest`."""
    feed = found.feed
    content, summary, kind, base = _bodies(raw, found.version, longest)
    stated_base = web_url(base, url) if base else None
    base = stated_base or url
    link = _link(raw, base)
    language = _language(raw) or text_in(feed.get("language"), 40)
    return FeedEntry(
        guid=text_in(raw.get("id"), 1_000_000) or "",
        position=position,
        title=text_in(raw.get("title"), 4000),
        link=link,
        author=_author(raw) or (_author(feed) if found.version.startswith("atom") else None),
        published=_date(raw, ("published", "created"), language),
        updated=_date(raw, ("updated",), language),
        content=content,
        summary=summary,
        content_type=kind,
        # Without xml:base a body's relative links start from its own page, as they did there.
        base=stated_base or link or url,
        language=language,
        categories=_categories(raw),
        enclosures=_enclosures(raw, base),
        image=_image(raw, base),
        source_title=plain_title(text_in(feed.get("title"), 4000)),
    )


def _bodies(raw: Any, version: str, longest: int) -> tuple[str, str, Any, str | None]:
    """The fullest body with its type and base, and the summary where it says something else."""
    summary = text_in(raw.get("summary"), longest) or ""
    detail = raw.get("summary_detail") or {}
    bodies = [(text, part) for part in raw.get("content", ()) if (text := _body(part, longest))]
    if bodies:
        content, detail = max(bodies, key=lambda pair: len(pair[0]))
    else:
        content, summary = summary, ""
    if summary == content:
        summary = ""
    return content, summary, _kind(detail.get("type"), version), detail.get("base")


def _body(part: Any, longest: int) -> str | None:
    """A content element that holds text; Atom allows pictures and addresses too."""
    kind = part.get("type") or "text/html"
    if kind.startswith(("text/", "application/xhtml", "application/xml")) or kind in (
        "html",
        "text",
    ):
        return text_in(part.get("value"), longest)
    return None


def _kind(stated: str | None, version: str) -> str:
    """What a body is declared to be; RSS never says."""
    if stated in ("text/markdown", "text/x-markdown"):
        return "markdown"
    if not version.startswith("atom"):
        return "auto"
    if stated == "text/plain":
        return "text"
    return "html" if stated in _HTML else "auto"


def _link(raw: Any, base: str) -> str | None:
    stated = [raw.get("feedburner_origlink"), *_own_links(raw)]
    stated += [link.get("href") for link in raw.get("links", ()) if link.get("rel") == "alternate"]
    found = (web_url(text_in(address, 5000), base) for address in stated)
    return next((address for address in found if address), None)


def _own_links(raw: Any) -> list[Any]:
    """`link`, unless it is a guid that is no whole address: `<guid>17</guid>` is no path."""
    link, guid = raw.get("link"), raw.get("id") or ""
    listed = any(each.get("href") == link for each in raw.get("links", ()))
    absolute = guid.lower().startswith(("http://", "https://"))
    return [link] if link != guid or listed or absolute else []


def _author(raw: Any) -> str | None:
    detail = raw.get("author_detail") or {}
    stated = text_in(detail.get("name"), AUTHOR_KEPT) or text_in(raw.get("author"), AUTHOR_KEPT)
    mailbox = _MAILBOX.fullmatch(stated or "")
    return (mailbox[1] or mailbox[2]).strip() or stated if mailbox else stated


def _date(raw: Any, names: Sequence[str], language: str | None) -> Any:
    for name in names:
        stated = text_in(dict.get(raw, name), 120)
        moment = parse_date(stated, language=language)
        if moment is not None:
            return moment
    return None


def _language(raw: Any) -> str | None:
    details = [*raw.get("content", ()), raw.get("summary_detail"), raw.get("title_detail")]
    return next((d["language"] for d in details if d and d.get("language")), None)


def _categories(raw: Any) -> tuple[str, ...]:
    names = (
        plain_title(text_in(tag.get("label") or tag.get("term"), 200))
        for tag in raw.get("tags", ())
    )
    return tuple(dict.fromkeys(name for name in names if name))[:TAGS_KEPT]


def _enclosures(raw: Any, base: str) -> tuple[Enclosure, ...]:
    stated = [link for link in raw.get("links", ()) if link.get("rel") == "enclosure"]
    stated += [m for m in raw.get("media_content", ()) if _media_type(m) in ("audio", "video")]
    files: dict[str, Enclosure] = {}
    for link in stated[:ENCLOSURES_KEPT]:
        address = web_url(text_in(link.get("href") or link.get("url"), 4096), base)
        if address:
            size = text_in(link.get("length") or link.get("filesize"), 18) or ""
            files.setdefault(
                address,
                Enclosure(
                    url=address,
                    type=text_in(link.get("type"), 100),
                    length=int(size) if size.isascii() and size.isdigit() else None,
                ),
            )
    return tuple(files.values())


def _image(raw: Any, base: str) -> str | None:
    stated = [
        part.get("url") for part in raw.get("media_content", ()) if _media_type(part) == "image"
    ]
    stated += [part.get("url") for part in raw.get("media_thumbnail", ())]
    stated.append((raw.get("image") or {}).get("href"))
    stated += [e.url for e in _enclosures(raw, base) if (e.type or "").startswith("image/")]
    found = (web_url(text_in(address, 4096), base) for address in stated)
    return next((address for address in found if address), None)


def _media_type(part: Any) -> str:
    return part.get("medium") or (part.get("type") or "").partition("/")[0]


def text_in(value: object, longest: int) -> str | None:
    """`value` if it is text and says something, cut at `longest` characters."""
    if not isinstance(value, str):
        return None
    return value[:longest].strip() or None
