"""Which kind of picture some bytes are, by what they begin with and not by what anybody calls them.

Only kinds that cannot act: SVG is a document with scripts, and no picture here.
"""

from __future__ import annotations

_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_AVIF_BRANDS = (b"avif", b"avis")


def picture_type(body: bytes) -> str | None:
    """The media type of a picture, or None if it may not be shown."""
    for beginning, kind in _BEGINNINGS:
        if body.startswith(beginning):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if body[4:8] == b"ftyp" and body[8:12] in _AVIF_BRANDS else None
