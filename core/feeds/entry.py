"""Build a `FeedEntry` from the elements of one entry; all fields are bounded.

The name of an element decides its meaning (`elements.py`). Guids, categories and languages are
taken from feedparser, which supports more dialects for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from core.dates import parse_date, spoken
from core.feeds.elements import Element, Entry
from core.feeds.files import files_of, has_film, picture_of
from core.feeds.steady import entry_digest
from core.feeds.texts import Text, texts_of
from core.models import FeedEntry
from core.text import plain_title, text_in
from core.urls import redirect_target, web_url

# Limits per entry; a hostile feed may state millions of each.
AUTHOR_KEPT = 200  # characters
AUTHORS_KEPT = 20
TAGS_KEPT = 50
DATES_TRIED = 4  # an unreadable date costs 0.1 ms

_PUBLISHED = (
    "pubdate", "atom:published", "atom:issued", "dcterms:issued", "dc:date", "dcterms:created",
    "atom:created", "dcterms:date", "dcterms:available", "dc:issued", "dc:created", "published",
    "atom:pubdate", "issued", "date", "prism:publicationdate", "prism:coverdate", "itunes:pubdate",
)  # fmt: skip
_UPDATED = (
    "atom:updated", "atom:modified", "dcterms:modified", "updated", "modified", "lastbuilddate",
)  # fmt: skip
# The first group with a name is used: some feeds name only a host and no writer.
_WRITERS = (
    ("atom:author", "dc:creator"), ("author",), ("itunes:author",), ("googleplay:author",),
    ("dcterms:creator", "dc:author", "creator"), ("podcast:person",),
    ("dc:contributor", "atom:contributor"),
)  # fmt: skip
# Generators of feeds whose posts have no title; they make one from the text.
_BRIDGES = re.compile(
    r"rsshub|rss-?bridge|we-?(?:we|mp)-?rss|mastodon|pleroma|misskey|nitter", re.I
)
_LONGEST_LINK = 5000  # characters; `web_url` accepts 4,096 without white space
_RELATION = re.compile(
    r"https?://www\.iana\.org/assignments/(?:relation|link-relations)/#?", re.IGNORECASE
)
_PAGES = ("", "text/html", "application/xhtml+xml")
_ANCHOR = re.compile(r"<a\s[^<>]{0,200}?href\s*=\s*[\"']?([^\s\"'<>]+)", re.IGNORECASE)
_BROKEN_SCHEME = re.compile(r"^(https?)(?:://?/?|//|/(?=[\w.-]+\.\w+/))(?=[^/])", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,24}(?::\d+)?(?:[/?#]|$)", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z]{1,10}(?:\s[^<>]*)?/?>", re.IGNORECASE)  # does not match <mail@host>
_BY = re.compile(r"^[Bb]y\s+(?=[A-Z])")
_NOT_A_NAME = frozenset(
    ("", "(author unknown)", "unknown", "anonymous", "n/a", "null", "none", "-")
)
_MAILBOX = re.compile(
    r"\S{1,90}@\S{1,90} \((.{1,90})\)|\"?([^<>@\"]{1,90}?)\"? ?[<(]\S{1,90}@[^\s<>()]{1,90}[>)]"
    r"|<\S{1,90}@[^\s<>()]{1,90}> ([^<>@]{1,90})"
)


class Channel(NamedTuple):
    """The values that entries take from their document."""

    url: str  # URL of the document
    longest: int  # characters of a body
    texts: frozenset[str]  # texts of the channel, which some feeds repeat in each entry
    language: str | None
    authors: tuple[str, ...]  # default for entries without authors
    bridged: bool


def channel_of(found: Any, *, url: str, longest: int) -> Channel:
    """The channel values of a document that feedparser parsed."""
    feed = found.feed
    texts = {text_in(feed.get(name), longest) or "" for name in ("subtitle", "summary")} - {""}
    authors: tuple[str, ...] = ()
    if found.version.startswith("atom"):  # RFC 4287 4.2.1
        authors = _unique(
            text_in(each.get("name"), AUTHOR_KEPT) for each in feed.get("authors", ())
        )
    language = text_in(feed.get("language"), 40)
    bridged = _BRIDGES.search(feed.get("generator") or "") is not None
    return Channel(url, longest, frozenset(texts), language, authors, bridged)


def feed_entry(raw: Any, stated: Entry, position: int, channel: Channel) -> FeedEntry:
    """Build one entry from feedparser's result `raw` and its elements `stated`."""
    url = channel.url
    language = _language(raw, stated) or channel.language
    base = _absolute(stated.base(), url) or url
    files = files_of(stated, base)
    pages = [file.url for file in files if not (file.type or "").startswith("image")]
    film = has_film(stated, files)
    texts = texts_of(stated, longest=channel.longest, has_film=film, channel=channel.texts)
    body = texts.body or Text("", "")
    link = _link(stated, base, language=language, files=pages)
    target = redirect_target(link)  # Google Alerts link to google.com/url?url=…
    title, title_type = _title(stated)
    authors = _authors(stated) or channel.authors
    date_language = spoken(title, language)
    entry = FeedEntry(
        guid=text_in(raw.get("id"), 1_000_000) or "",
        position=position,
        title=title,
        title_type=title_type,
        link=link,
        author=", ".join(authors) or None,
        authors=authors if len(authors) > 1 else (),
        **_dates(stated, date_language),
        content=body.value,
        summary=texts.summary,
        content_type=body.declared,
        # Without xml:base, relative links in a body are relative to the entry's page.
        base=_absolute(body.base, url) or link or url,
        language=language,
        bridged=channel.bridged,
        categories=_categories(raw),
        enclosures=files,
        comments=_discussion(stated, base, link),
        **picture_of(stated, base),
    )
    if target == link:
        return entry
    former = entry_digest(entry)  # earlier versions kept the redirecting link
    return entry.model_copy(update={"link": target, "former": former})


def _absolute(base: str | None, url: str) -> str | None:
    return web_url(base, url) if base else None


def _title(stated: Entry) -> tuple[str | None, Literal["html", "text", "auto"]]:
    for element in stated.all("title", "atom:title", "itunes:title", "dc:title", "media:title"):
        markup = element.markup.removeprefix("<![CDATA[").removesuffix("]]>")  # escaped twice
        value = text_in(markup, 4000)  # including the markup of Atom's xhtml
        if value is None:
            continue
        kind = element.get("type").lower() if element.name == "atom:title" else ""
        if len(element.node) or kind in ("html", "text/html", "xhtml"):
            return value, "html"
        return value, "text" if kind in ("text", "text/plain") else "auto"
    return None, "auto"


def _authors(stated: Entry) -> tuple[str, ...]:
    for names in _WRITERS:
        found = _unique(_name(element) for element in stated.all(*names)[:AUTHORS_KEPT])
        if found:
            return found
    sources = (child for source in stated.all("atom:source") for child in source.node)
    named = (each for each in sources if str(each.tag).endswith("}author"))
    return _unique(_name(Element("atom:author", each)) for each in islice(named, AUTHORS_KEPT))


def _name(element: Element) -> str | None:
    """The name in an author element: `mail (Name)`, `Name <mail>`, or an Atom person."""
    children = {str(child.tag).rpartition("}")[2]: child for child in element.node}
    if children:
        named = children.get("name")
        named = children.get("email") if named is None else named
        return author_name("".join(named.itertext())) if named is not None else None  # type: ignore[arg-type]
    return author_name(element.text)


def author_name(stated: str | None) -> str | None:
    """The name in an author text, without a mail address; None for placeholders."""
    stated = " ".join((stated or "")[:_LONGEST_LINK].split())
    stated = _BY.sub("", _TAG.sub("", stated) if "<" in stated else stated)[:AUTHOR_KEPT]
    if stated.lower() in _NOT_A_NAME:
        return None
    mailbox = _MAILBOX.fullmatch(stated)
    return next(filter(None, mailbox.groups()), "").strip() or stated if mailbox else stated


def _unique(names: Iterable[str | None]) -> tuple[str, ...]:
    """Unique names, ignoring case."""
    once = {name.casefold(): name for name in reversed([name for name in names if name])}
    return tuple(reversed(once.values()))


def _dates(stated: Entry, language: str) -> dict[str, Any]:
    """Published and updated times, and the stated text if neither can be parsed."""
    published, updated = (_date(stated, names, language) for names in (_PUBLISHED, _UPDATED))
    unread = None if published or updated else stated.text(*_PUBLISHED, *_UPDATED)[:60]
    return {"published": published, "updated": updated, "unread_date": unread or None}


def _date(stated: Entry, names: tuple[str, ...], language: str) -> datetime | None:
    for element in stated.all(*names)[:DATES_TRIED]:
        moment = parse_date(element.text[:120], language=language)
        if moment is not None:
            return moment
    return None


def _language(raw: Any, stated: Entry) -> str | None:
    details = [*raw.get("content", ()), raw.get("summary_detail"), raw.get("title_detail")]
    own = stated.text("dc:language", "language")
    return own[:40] or next((d["language"] for d in details if d and d.get("language")), None)


def _categories(raw: Any) -> tuple[str, ...]:
    names = (
        plain_title(text_in(tag.get("label") or tag.get("term"), 200))
        for tag in raw.get("tags", ())
    )
    return tuple(dict.fromkeys(name for name in names if name))[:TAGS_KEPT]


def _link(entry: Entry, base: str, *, language: str | None, files: list[str]) -> str | None:
    """The URL of the entry's page, else of its first file, else its id."""
    ids = (each.text for each in entry.all("atom:id", "id") if _is_absolute(each.text))
    for stated in chain(_candidate_links(entry, language), files, ids):
        if stated[:1] in ("", "#"):
            continue
        address = web_url(_with_scheme(stated[:_LONGEST_LINK], base), base)
        if address:
            return address
    return None


def _discussion(entry: Entry, base: str, link: str | None) -> str | None:
    """The page of the entry's comments: RSS `comments`, or Atom's `replies` (RFC 4685)."""
    links = entry.all("link", "atom:link")
    pages = (each for each in links if each.get("type").lower() in _PAGES)
    replies = (each.get("href") for each in pages if "replies" in _relations(each))
    counted = entry.text("comments")  # some feeds state a number
    stated = counted if _is_absolute(counted) else next(replies, "")
    page = web_url(stated[:_LONGEST_LINK], base) if stated else None
    # WordPress states the comments on the same page, at which the link leads already.
    return page if page and page.partition("#")[0] != link else None


def _relations(link: Element) -> list[str]:
    """The relations of a link: default `alternate` (RFC 4287 4.2.7.2); full URIs are shortened."""
    stated = [_RELATION.sub("", name).lower() for name in link.get("rel").split()]
    return stated or ["alternate"]


def _candidate_links(entry: Entry, language: str | None) -> Iterator[str]:
    for original in entry.all("feedburner:origlink", "pheedo:origlink"):
        yield original.text
    links = entry.all("link", "atom:link")
    alternates = [link for link in links if "alternate" in _relations(link)]
    # The URL as text is RSS; in Atom it is a common mistake.
    yield from (
        link.get("href") or link.text for link in sorted(alternates, key=_preference(language))
    )
    for guid in entry.all("guid"):
        if guid.get("isPermaLink").lower() != "false" and _is_absolute(guid.text):
            yield guid.text
    yield entry.node.get("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about") or ""
    for wanted in ("canonical", "self", "related"):
        yield from (link.get("href") for link in links if wanted in _relations(link))


def _preference(language: str | None) -> Callable[[Element], tuple[bool, bool]]:
    """Sort key: web pages first, then links in the entry's language."""
    wanted = (language or "")[:2].lower()

    def order(link: Element) -> tuple[bool, bool]:
        spoken = link.get("hreflang")[:2].lower()
        other = bool(spoken and wanted and spoken != wanted)
        return link.get("type").lower() not in _PAGES, other

    return order


def _is_absolute(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _with_scheme(address: str, base: str) -> str:
    """Add the scheme to `www.a.example/1` and to URLs that begin with the feed's host.

    Also repairs a scheme that lost a character, and extracts the URL from an HTML link.
    """
    address = address.replace("&amp;", "&").strip("\"'\u200b\ufeff ")  # double-escaped, quoted
    anchor = _ANCHOR.match(address)
    address = _BROKEN_SCHEME.sub(r"\1://", anchor[1] if anchor else address)
    if "://" in address or address.startswith(("/", "#", "?", ".")) or not _HOST.match(address):
        return address
    feed = urlsplit(base)
    host = re.split("[/?#:]", address, maxsplit=1)[0].lower()
    if not host.startswith("www.") and host != (feed.hostname or ""):
        return address
    return f"{feed.scheme or 'https'}://{address}"
