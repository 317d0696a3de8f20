"""Ids that are the same on every machine and after every wipe of the store."""

from __future__ import annotations

import hashlib

PREFIX = "urn:millrace:"


def entry_id(source: str, guid: str) -> str:
    """The public id of the entry `guid` of `source`; a story carries its founder's.

    Made from nothing but these two, so that a wiped store makes the same ids again.
    """
    digest = hashlib.sha256(f"{source}\0{guid}".encode("utf-8", "surrogatepass")).hexdigest()
    return PREFIX + digest[:32]
