"""`millrace once`: the same sources give the same feed, however fast each of them answers, and its
files are the feeds of the service.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import feedparser
import time_machine

from core.config.settings import FeedSettings
from millrace.commands.once import write_site
from store.connection import Store
from tests.core import stories
from tests.origin import Answer, Origin
from tests.service.conftest import MORNING, SETTINGS, make_story, put

NAMES = ("first", "second", "third")
SLOW = 0.5  # seconds before an answer: the copies behind it are there long before


def feed(source: str) -> str:
    """Three copies of the same stories; without dates, so that only the order tells them apart."""
    items = "".join(
        f"<item><guid>{source}-{n}</guid><title>{stories.title(n)}</title>"
        f"<link>http://{source}.example/{n}</link>"
        f"<description>{stories.body(n)}</description></item>"
        for n in range(3)
    )
    return f"<rss version='2.0'><channel><title>{source}</title>{items}</channel></rss>"


async def once(folder: Path, origin: Origin, *, slow: str, data: str) -> dict[str, Any]:
    """What one round writes while the source `slow` takes its time."""
    lines = [
        f"  - {{name: {name}, url: '"
        + origin.at(f"/{name}", Answer(feed(name), delay=SLOW if name == slow else 0.0))
        + "'}"
        for name in NAMES
    ]
    limits = "per_host: {in_flight: 9, per_second: 99}"
    (folder / "feeds.yaml").write_text(
        "\n".join(["sources:", *lines])
        + f"\nfetch: {{allow_private: ['{origin.allowance}'], {limits}}}\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "millrace", "once", "--out", "public", "--data", data),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"public: 3 stories from 3 sources\n")
    written: dict[str, Any] = json.loads((folder / "public" / "feed.json").read_text())
    return written


def told(written: dict[str, Any]) -> list[Any]:
    """The stories in their order, with their ids and copies."""
    return [
        (item["id"], item["url"], [copy["name"] for copy in item["_millrace"]["sources"]])
        for item in written["items"]
    ]


async def test_the_order_of_feeds_yaml_decides_and_not_who_answers_first(
    tmp_path: Path, origin: Origin
) -> None:
    one = await once(tmp_path, origin, slow="first", data="one")
    other = await once(tmp_path, origin, slow="third", data="other")

    assert told(one) == told(other)
    assert {tuple(copies) for _, _, copies in told(one)} == {NAMES}


async def test_a_second_round_without_news_writes_the_same_bytes(
    tmp_path: Path, origin: Origin
) -> None:
    await once(tmp_path, origin, slow="first", data="data")
    before = {path.name: path.read_bytes() for path in (tmp_path / "public").glob("*.*")}
    await once(tmp_path, origin, slow="second", data="data")
    after = {path.name: path.read_bytes() for path in (tmp_path / "public").glob("*.*")}

    assert before == after


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


async def test_the_digest_is_written_where_it_is_on(store: Store, tmp_path: Path) -> None:
    feed = FeedSettings(link="https://news.example.org/a", digest="daily")
    with time_machine.travel(MORNING + timedelta(days=1), tick=True):
        await put(store, make_story(1, sources=("first", "second")))
        await write_site(store, SETTINGS.model_copy(update={"feed": feed}), tmp_path)

    digest = json.loads((tmp_path / "digest.json").read_bytes())
    assert [entry["id"].rpartition(":")[2] for entry in digest["items"]] == ["2026-01-31"]
    assert "hubs" not in digest
    assert "hubs" not in json.loads((tmp_path / "feed.json").read_bytes())


async def test_an_empty_store_gives_valid_empty_feeds(store: Store, tmp_path: Path) -> None:
    await write_site(store, SETTINGS, tmp_path)

    assert json.loads((tmp_path / "feed.json").read_bytes())["items"] == []
    assert "No story yet" in (tmp_path / "index.html").read_text()
