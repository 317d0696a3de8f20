"""What feedparser alone says of an entry: by the first rules, and where a document is no XML."""

from __future__ import annotations

from typing import Any, NamedTuple

from lxml import etree

from core.feeds.elements import Entry
from core.feeds.guids import Named
from core.ids import stated_digest
from core.urls import web_url

_ATOM = "{http://www.w3.org/2005/Atom}"
_CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
_MEDIA = "{http://search.yahoo.com/mrss/}"
_NO_TEXT = ("image/", "audio/", "video/", "application/pdf", "application/octet")


class Former(NamedTuple):
    """An entry by the first rules, which never change, however well the rest is read.

    An entry without guid is known by its link or its text: better reading of either would publish
    it a second time.
    """

    named: Named
    digest: bytes


def former_entry(raw: Any, *, url: str, longest: int) -> Former:
    """What tells an entry apart, and its content digest, as feedparser alone gives them."""
    content, base = _longest_body(raw, longest)
    guid, title = text_in(raw.get("id"), 1_000_000), text_in(raw.get("title"), 4000)
    link = _link(raw, web_url(base, url) or url)
    summary = text_in(raw.get("summary"), longest) or ""
    digest = stated_digest(title, link, content, "" if summary == content else summary)
    return Former(Named(guid or "", link, title or "", content), digest)


def loose_entry(raw: Any) -> Entry:
    """What feedparser says of one entry, under the names of the elements that mean it."""
    node = etree.Element("item")
    _add(node, "title", raw.get("title"))
    for part in raw.get("content", ()):
        if not (part.get("type") or "").startswith(_NO_TEXT):
            _add(node, _CONTENT + "encoded", part.get("value"))
    _add(node, "description", raw.get("summary"))
    link, guid = raw.get("link"), raw.get("id") or ""
    if link != guid or guid.lower().startswith(("http://", "https://")):
        _add(node, "link", link)
    for each in raw.get("links", ()):
        _add(node, _ATOM + "link", None, each, ("rel", "type", "href", "hreflang", "length"))
    for person in raw.get("authors", ()):
        _add(node, _DC + "creator", person.get("name"))
    _add(node, "author", raw.get("author"))
    _add(node, "pubDate", dict.get(raw, "published"))
    _add(node, _ATOM + "updated", dict.get(raw, "updated"))
    for each in raw.get("media_content", ()):
        names = ("url", "type", "medium", "width", "duration", "filesize")
        _add(node, _MEDIA + "content", None, each, names)
    for each in raw.get("media_thumbnail", ()):
        _add(node, _MEDIA + "thumbnail", None, each, ("url", "width"))
    _add(node, "image", None, raw.get("image") or {}, ("href",))
    _add(node, _ITUNES + "duration", raw.get("itunes_duration"))
    return Entry(node)


def _add(
    node: etree._Element,
    name: str,
    text: object,
    attributes: Any = None,
    wanted: tuple[str, ...] = (),
) -> None:
    stated = {key: attributes[key] for key in wanted if isinstance(attributes.get(key), str)}
    if stated or (isinstance(text, str) and text):
        etree.SubElement(node, name, stated).text = text if isinstance(text, str) else None


def text_in(value: object, longest: int) -> str | None:
    """`value` if it is text and says something, cut at `longest` characters."""
    if not isinstance(value, str):
        return None
    return value[:longest].strip() or None


def _longest_body(raw: Any, longest: int) -> tuple[str, str | None]:
    """The longest `content`, or else the summary, with the base that is stated for it."""
    bodies = [(text, part) for part in raw.get("content", ()) if (text := _body(part, longest))]
    if bodies:
        content, detail = max(bodies, key=lambda pair: len(pair[0]))
    else:
        content = text_in(raw.get("summary"), longest) or ""
        detail = raw.get("summary_detail") or {}
    return content, detail.get("base")


def _body(part: Any, longest: int) -> str | None:
    """A content element that holds text; Atom allows pictures and addresses too."""
    kind = part.get("type") or "text/html"
    if kind.startswith(("text/", "application/xhtml", "application/xml")) or kind in (
        "html",
        "text",
    ):
        return text_in(part.get("value"), longest)
    return None


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
