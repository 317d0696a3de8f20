"""What `millrace once` writes: the same feeds as the service, as files."""

from __future__ import annotations

import json
from pathlib import Path

import feedparser

from core.config.settings import FeedSettings
from service.pages.site import write_site
from store.connection import Store
from tests.service.conftest import SETTINGS, make_story, put


async def test_all_files_hold_the_same_stories(store: Store, tmp_path: Path) -> None:
    await put(store, *(make_story(n, sources=("first", "second")) for n in range(3)))
    settings = SETTINGS.model_copy(update={"feed": FeedSettings(link="https://news.example.org/a")})

    count = await write_site(store, settings, tmp_path / "out")

    out = tmp_path / "out"
    ids = [item["id"] for item in json.loads((out / "feed.json").read_bytes())["items"]]
    assert count == len(ids) == 3
    for name in ("feed.xml", "feed.atom"):
        assert [entry.id for entry in feedparser.parse((out / name).read_bytes()).entries] == ids
    page = (out / "index.html").read_text()
    assert page.count('class="card"') == 3
    assert "secret" not in (out / "sources.opml").read_text()
    assert json.loads((out / "feed.json").read_bytes())["feed_url"] == (
        "https://news.example.org/a/feed.json"
    )


async def test_an_empty_store_gives_valid_empty_feeds(store: Store, tmp_path: Path) -> None:
    await write_site(store, SETTINGS, tmp_path)

    assert json.loads((tmp_path / "feed.json").read_bytes())["items"] == []
    assert "No story yet" in (tmp_path / "index.html").read_text()
