"""Feed readers that people use subscribe to every format and find the same stories."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.service.conftest import Served, make_story

pytestmark = pytest.mark.browser

FORMATS = ("xml", "atom", "json")
COUNT = 12


async def publish(served: Served) -> dict[str, str]:
    """Publish stories; returns their titles by id."""
    stories = [make_story(n, sources=("first", "second")) for n in range(COUNT)]
    await served.publish(*stories)
    return {story.id: str(story.article.title) for story in stories}


async def run(*command: str, **environment: str) -> str:
    started = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment or None,
    )
    output, _ = await asyncio.wait_for(started.communicate(), 60)
    assert started.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize("form", ["xml", "atom"])  # Debian's newsboat reads no JSON
async def test_newsboat(served: Served, tmp_path: Path, form: str) -> None:
    newsboat = shutil.which("newsboat")
    if newsboat is None:
        pytest.skip("newsboat is not installed")
    expected = await publish(served)
    cache, urls, settings = tmp_path / "cache.db", tmp_path / "urls", tmp_path / "config"
    urls.write_text(f"{served.client.make_url(f'/feed.{form}')}\n")
    settings.write_text("")
    place = ("-u", str(urls), "-c", str(cache), "-C", str(settings))

    for _ in range(2):
        await run(newsboat, *place, "-x", "reload", HOME=str(tmp_path), PATH="/usr/bin:/bin")

    with sqlite3.connect(cache) as database:
        items = dict(database.execute("select guid, title from rss_item"))
        (etag,) = database.execute("select etag from rss_feed").fetchone()
    assert items == expected
    again = await served.client.get(f"/feed.{form}", headers={"If-None-Match": etag})
    assert again.status == 304


@pytest.mark.parametrize("form", FORMATS)
async def test_lemon24_reader(served: Served, form: str) -> None:
    reader_package = pytest.importorskip("reader")
    expected = await publish(served)
    url = str(served.client.make_url(f"/feed.{form}"))

    def subscribe() -> tuple[dict[str, str], object]:
        with reader_package.make_reader(":memory:") as reader:
            reader.add_feed(url)
            reader.update_feed(url)
            second = reader.update_feed(url)
            return {entry.id: entry.title for entry in reader.get_entries()}, second

    items, second = await asyncio.to_thread(subscribe)

    assert items == expected
    assert second is None  # not modified


@pytest.mark.parametrize("form", ["xml", "atom"])  # it reads no JSON
async def test_rss2email(served: Served, tmp_path: Path, form: str) -> None:
    r2e = shutil.which("r2e")
    if r2e is None:
        pytest.skip("rss2email is not installed")
    expected = await publish(served)
    settings, seen = tmp_path / "config", tmp_path / "seen"
    place = ("-c", str(settings), "-d", str(seen))
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    await run(r2e, *place, "new", "me@example.org", **home)
    written = settings.read_text().replace("protocol = sendmail", "protocol = maildir")
    settings.write_text(written.replace("~/Maildir", f"{tmp_path}/mail"))
    (tmp_path / "mail").mkdir()
    await run(r2e, *place, "add", "river", str(served.client.make_url(f"/feed.{form}")), **home)

    for _ in range(2):
        await run(r2e, *place, "run", **home)

    letters = [path.read_text() for path in (tmp_path / "mail").rglob("*") if path.is_file()]
    assert len(letters) == len(expected)
    for title in expected.values():
        assert any(f"Subject: {title}\n" in letter for letter in letters)
