"""Identifiers of an entry: its public id, its guid within a document, and its digests.

All are the same on every machine, at every poll and after every wipe of the store. A stated guid
is used unless all entries share it; then the link, unless all share it too; then the text. Two
entries for one story are better than two stories under one guid. Identifiers are derived from the
first version of the parsing rules; later versions change only the other fields.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from core.text import text_in
from core.urls import canonical_url, type_by_name, web_url

PREFIX = "urn:millrace:"
GUID_DIGEST = 16  # bytes: guids do not collide by chance
CONTENT_DIGEST = 8  # bytes: versions of one entry do not collide by chance
WHOLE = 200  # characters of a body: entries of one source do not share this many by chance


def entry_id(source: str, guid: str) -> str:
    """The public id of the entry `guid` of `source`; a story has the id of its founder.

    Computed from these two alone, so a wiped store produces the same ids again.
    """
    digest = hashlib.sha256(f"{source}\0{guid}".encode("utf-8", "surrogatepass")).hexdigest()
    return PREFIX + digest[:32]


def guid_digest(guid: str) -> bytes:
    """A short digest of a guid, unique within its source."""
    return hashlib.blake2b(guid.encode("utf-8", "surrogatepass"), digest_size=GUID_DIGEST).digest()


def content_digest(*parts: str | None) -> bytes:
    """A short digest of an entry's content; a different one means that the source changed it."""
    joined = "\0".join(part or "" for part in parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=CONTENT_DIGEST).digest()


LONGEST_GUID = 1024  # characters; a longer guid, such as a whole text, is replaced by its digest


class EntryIdentity(NamedTuple):
    """The fields that identify an entry, as read by the first version of the parsing rules.

    These never change: better parsing of either would give an entry without guid another id, and
    publish it a second time.
    """

    stated: str | None
    link: str | None
    title: str
    body: str
    file: str | None = None  # URL of its first file


def stable_guids(entries: Sequence[EntryIdentity]) -> list[str | None]:
    """A guid for each entry; None for an exact duplicate of an earlier entry of the document."""
    stated = _unless_all_equal([_guid_or_digest(entry.stated) for entry in entries])
    links = _unless_all_equal([_guid_or_digest(entry.link) for entry in entries])
    guids = [
        guid or link or _guid_from_content(entry)
        for guid, link, entry in zip(stated, links, entries, strict=True)
    ]
    return _disambiguated(guids, links, entries)


def _guid_from_content(entry: EntryIdentity) -> str:
    """A guid from the text of an entry without guid and link; if it has none, from its file."""
    alone = entry.file and not (entry.title or entry.body)
    return f"{_digest(entry)}#{entry.file}" if alone else _digest(entry)


def plain_guids(
    entries: Sequence[EntryIdentity],
) -> tuple[Literal["guid", "link"], list[str]] | None:
    """The guids that the entries state, or, if none does, their links; None if either repeats.

    Where the result is not None, `stable_guids` returns the same values, also with more entries of
    the same kind, as long as all differ.
    """
    stated = [_guid_or_digest(entry.stated) for entry in entries]
    links = [] if any(stated) else [_guid_or_digest(entry.link) for entry in entries]
    names = [name for name in links or stated if name is not None]
    if len(set(names)) < len(entries):
        return None
    return "link" if links else "guid", names


def _disambiguated(
    guids: Sequence[str], links: Sequence[str | None], entries: Sequence[EntryIdentity]
) -> list[str | None]:
    """Append link, text or file to guids that several entries share; drop exact duplicates.

    Duplicates share link and text, and name no different files. A title alone proves nothing: all
    photos of an album may be called “New photo”, all sermons of a podcast “Sunday”.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for at, guid in enumerate(guids):
        groups[guid].append(at)
    result: list[str | None] = list(guids)
    for guid, members in groups.items():
        if len(members) == 1:
            continue
        firsts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for at in members:
            result[at] = None
            identity = (_digest(entries[at]), canonical_url(links[at] or ""))
            firsts[identity].setdefault(entries[at].file or "", at)
        by_link = len({link for _, link in firsts} - {canonical_url("")}) == len(firsts)
        by_text = len({digest for digest, _ in firsts}) == len(firsts)
        for (digest, link), files in firsts.items():
            several = len(files) > 1 and "" not in files
            for file, at in files.items() if several else [("", min(files.values()))]:
                name = links[at] if by_link else digest if by_text else f"{link}#{digest}"
                parts = (guid, name if len(firsts) > 1 else "", file)
                result[at] = "#".join(part for part in parts if part)
    return result


def _unless_all_equal(values: list[str | None]) -> list[str | None]:
    if len(values) > 1 and len(set(values)) == 1:
        return [None] * len(values)
    return values


def _guid_or_digest(value: str | None) -> str | None:
    value = (value or "").strip()
    if len(value) > LONGEST_GUID:
        return "sha256:" + hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return value or None


def _digest(entry: EntryIdentity) -> str:
    text = f"{entry.title}\0{entry.body}"
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def identity_of(raw: Any, *, url: str, longest: int) -> EntryIdentity:
    """The identifying fields of an entry, as feedparser alone reads them."""
    content, base = _longest_body(raw, longest)
    guid, title = text_in(raw.get("id"), 1_000_000), text_in(raw.get("title"), 4000)
    link = _link(raw, web_url(base, url) or url)
    return EntryIdentity(guid or "", link, title or "", content, _first_file(raw, url))


def _first_file(raw: Any, url: str) -> str | None:
    """The URL of an entry's first file; without its query, if the path ends in a file name."""
    stated = [*raw.get("enclosures", ()), *raw.get("media_content", ())][:1]
    address = stated[0].get("href") or stated[0].get("url") if stated else None
    file = web_url(text_in(address, 4096), url)
    return file.partition("?")[0] if file and type_by_name(file) else file


def _longest_body(raw: Any, longest: int) -> tuple[str, str | None]:
    """The longest `content`, or else the summary, with its stated base URL."""
    bodies = [(text, part) for part in raw.get("content", ()) if (text := _body(part, longest))]
    if bodies:
        content, detail = max(bodies, key=lambda pair: len(pair[0]))
    else:
        content = text_in(raw.get("summary"), longest) or ""
        detail = raw.get("summary_detail") or {}
    return content, detail.get("base")


def _body(part: Any, longest: int) -> str | None:
    """The text of a content element; None for images and links, which Atom allows as well."""
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
    """`link`, unless it is a copy of a guid that is not a URL: `<guid>17</guid>` is not a path."""
    link, guid = raw.get("link"), raw.get("id") or ""
    listed = any(each.get("href") == link for each in raw.get("links", ()))
    absolute = guid.lower().startswith(("http://", "https://"))
    return [link] if link != guid or listed or absolute else []
