"""Takes credentials out of text that people will see: logs, errors, pages.

Whatever stands before the `@` of an address goes, and so does its query, where keys are kept.
"""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'<>]*@", re.IGNORECASE)
_QUERY = re.compile(r"(\bhttps?://[^\s?#\"'<>]+\?)[^\s#\"'<>]+", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """`redis://:secret@host/0` as `redis://***@host/0`."""
    return _USERINFO.sub(r"\1***@", text)


def for_logs(text: str) -> str:
    """The same, without the query of web addresses: `https://host/feed?key=1` ends at `?…`."""
    return _QUERY.sub(r"\1…", without_credentials(text))
