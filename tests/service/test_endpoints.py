"""Every endpoint is documented."""

from __future__ import annotations

from pathlib import Path

from core.config.settings import Settings
from service.app import make_app
from store.connection import Store

DOCUMENT = Path(__file__).parents[2] / "docs/endpoints.md"
PLACES = {"{tag}": "T", "{source}": "NAME", "{id}": "ID"}
UNDOCUMENTED = {"/static/{name}", "/feed.xsl", "/{rest}"}  # parts of pages, and the rest


async def test_every_path_is_documented(store: Store) -> None:
    app = make_app(store, Settings)
    paths = {route.resource.canonical for route in app.router.routes() if route.resource}
    text = DOCUMENT.read_text(encoding="utf-8")

    for path in paths - UNDOCUMENTED:
        for placeholder, shown in PLACES.items():
            path = path.replace(placeholder, shown)
        stem, dot, ending = path.partition(".")
        assert path in text or (stem in text and f"`{dot}{ending}`" in text), path
