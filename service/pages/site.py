"""The feeds and the page as files, for cron and static hosting: what `millrace once` writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from core.config.opml import opml_document
from core.config.settings import Settings
from core.render.items import FeedHead
from service.feeds.render import FORMATS, item_of, piece, style_of
from service.pages.page import render_page, static_bytes
from service.window import Kept, River
from store.connection import Store

FALLBACK_HOME = "https://feed.invalid/"  # RSS wants an absolute address; `feed.link` gives one


async def write_site(store: Store, settings: Settings, out: Path) -> int:
    """Write feed.xml, feed.atom, feed.json, sources.opml and index.html; returns the stories."""
    river = River(store, lambda: settings)
    await river.catch_up()
    shown = river.newest()[: settings.feed.limit]
    files = _files(settings, shown, river.loaded or datetime.now(UTC))
    (out / "static").mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        _replace(out / name, body)
    return len(shown)


def _files(settings: Settings, shown: tuple[Kept, ...], now: datetime) -> dict[str, bytes]:
    home = (settings.feed.link or FALLBACK_HOME).rstrip("/") + "/"
    style = style_of(settings)
    updated = max((kept.updated for kept in shown), default=now)
    files = {
        f"feed.{form.name}": form.document(
            FeedHead(
                id="urn:millrace:feed",
                title=settings.feed.title,
                description="Every story once, with all its sources.",
                home=home,
                self_url=f"{home}feed.{form.name}",
                updated=updated,
                language=settings.feed.language,
                stylesheet="feed.xsl" if form.styled else None,
            ),
            (piece(kept, form.name, style) for kept in shown),
        )
        for form in FORMATS.values()
    }
    files["sources.opml"] = opml_document(settings.sources, title=settings.feed.title)
    files["index.html"] = _index(settings, shown, home)
    files["feed.xsl"] = static_bytes("feed.xsl")
    files["static/style.css"] = static_bytes("style.css")
    files["static/icon.svg"] = static_bytes("icon.svg")
    return files


def _index(settings: Settings, shown: tuple[Kept, ...], home: str) -> bytes:
    style = style_of(settings)
    page = render_page(
        "site.html",
        root="./",
        base=home if settings.feed.link else "./",
        feed=settings.feed,
        stale=False,
        items=[item_of(kept, style) for kept in shown],
        sources=[source.name for source in settings.sources],
    )
    return page.encode("utf-8", "replace")


def _replace(path: Path, body: bytes) -> None:
    """A web server that reads meanwhile sees the old file or the new one, never half of one."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(body)
    partial.replace(path)
