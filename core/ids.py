"""Ids and digests that are the same on every machine and after every wipe of the store."""

from __future__ import annotations

import hashlib

from core.models import FeedEntry

PREFIX = "urn:millrace:"
GUID_DIGEST = 16  # bytes: no two guids share one by chance
CONTENT_DIGEST = 8  # bytes that tell one version of an entry from the next
WHOLE = 200  # characters of a body that no two entries of a source share by chance


def entry_id(source: str, guid: str) -> str:
    """The public id of the entry `guid` of `source`; a story carries its founder's.

    Made from nothing but these two, so that a wiped store makes the same ids again.
    """
    digest = hashlib.sha256(f"{source}\0{guid}".encode("utf-8", "surrogatepass")).hexdigest()
    return PREFIX + digest[:32]


def guid_digest(guid: str) -> bytes:
    """The short form of a guid, alone unique within its source."""
    return hashlib.blake2b(guid.encode("utf-8", "surrogatepass"), digest_size=GUID_DIGEST).digest()


def content_digest(*parts: str | None) -> bytes:
    """The short form of an entry's content; a different one means that its source changed it."""
    joined = "\0".join(part or "" for part in parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=CONTENT_DIGEST).digest()


def entry_digest(entry: FeedEntry) -> bytes:
    """The content digest of an entry as its source stated it."""
    stated = (entry.title, entry.link, entry.content, entry.summary)
    return stated_digest(*stated, version=entry.version)


def stated_digest(
    title: str | None, link: str | None, content: str, summary: str, *, version: str | None = None
) -> bytes:
    """The content digest of what a source stated.

    Beside a whole text the query of its link does not count: some sources put a number into it
    that changes with every poll.
    """
    if link and len(content or summary) >= WHOLE:
        link = link.partition("?")[0]
    return content_digest(title, link, content, summary, version)
