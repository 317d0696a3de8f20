"""A name for a source that was given none, made from its address alone.

The name goes into the ids of all entries of the source, so it must not depend on which other
sources stand in the file: everything of the address is kept, nothing is shortened for beauty.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from urllib.parse import urlsplit

LONGEST = 64


def name_from_url(url: str, *, taken: Container[str] = ()) -> str:
    """`https://example.org/rss.xml` becomes `example-org-rss-xml`.

    A name that is taken by another address gets a digest of its own address; the same address
    twice gets the same name twice, which the caller reports.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower().removeprefix("www.")
    whole = "/".join(filter(None, (host, parts.path, parts.query)))
    name = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")
    told_apart = len(name) <= LONGEST and whole.isascii()
    if not told_apart:
        name = f"{name[: LONGEST - 9].strip('-')}-{_digest(url)}".strip("-")
    elif name in taken:
        name = f"{name[: LONGEST - 9]}-{_digest(url)}"
    return name


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:8]
