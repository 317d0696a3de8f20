"""OPML 2.0 of the sources; writes no credentials unless told to keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.config.settings import Source
from core.render.safe import escaped, quoted, without_login


def opml_document(
    sources: Iterable[Source],
    *,
    title: str,
    titles: Mapping[str, str] | None = None,
    credentials: bool = False,
) -> bytes:
    """All sources as one outline each; `titles` are what the feeds call themselves."""
    known = titles or {}
    outlines = (_outline(source, known.get(source.name), credentials) for source in sources)
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<opml version="2.0">\n',
            f"<head><title>{escaped(title)}</title></head>\n<body>\n",
            *outlines,
            "</body>\n</opml>\n",
        )
    ).encode()


def _outline(source: Source, title: str | None, credentials: bool) -> str:
    url = source.url if credentials else without_login(source.url)
    tags = f" category={quoted(','.join(source.tags))}" if source.tags else ""
    shown = quoted(title or source.name)
    return f'<outline type="rss" text={shown} title={shown} xmlUrl={quoted(url)}{tags}/>\n'
