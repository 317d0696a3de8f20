"""From a hub's push to our callback until the entry is in /feed.json and on /stream, through all of
a `millrace run` that has nothing else to do."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp

from benchmarks import Row
from core.polling import signature
from tests.origin import Answer, Origin

HAN = [chr(point) for point in range(0x4E00, 0x5200)]
LISTED = 10  # entries in a pushed document, one of them new
PAUSE = 1.5  # seconds between two pushes: a burst is rendered once a second
LOOK = 0.002  # seconds between two polls of the feed
PATIENCE = 60.0


def run(smoke: bool) -> Iterator[Row]:
    """How soon a push is seen."""
    yield from asyncio.run(_measure(3 if smoke else 40))


@dataclass
class Hub:
    """Pushes documents to a callback, as the one who knows its secret."""

    session: aiohttp.ClientSession
    callback: str
    secret: str
    items: list[str]

    async def push(self, number: int) -> None:
        """Send a document with one new entry."""
        self.items = [_item(number), *self.items][:LISTED]
        body = _feed(self.items).encode()
        headers = {
            "Content-Type": "application/rss+xml",
            "X-Hub-Signature": signature(body, secret=self.secret),
        }
        async with self.session.post(self.callback, data=body, headers=headers) as answer:
            assert answer.status == 202, answer.status


async def _measure(times: int) -> list[Row]:
    heard: list[float] = []
    seen: list[float] = []
    async with (
        Origin() as origin,
        _running(origin) as (base, pid),
        aiohttp.ClientSession() as session,
    ):
        hub = await _subscribed(origin, session)
        async with session.get(f"{base}stream") as stream:
            await stream.content.readuntil(b"\n\n")
            await _until_in_feed(session, base, 0)
            await asyncio.sleep(PAUSE)
            resting = _cpu(pid)
            await asyncio.sleep(PAUSE)
            before = _cpu(pid)
            resting = before - resting
            for number in range(1, times + 1):
                await asyncio.sleep(PAUSE)
                started = time.perf_counter()
                looks = asyncio.create_task(_until_in_feed(session, base, number))
                listening = asyncio.create_task(_until_on_stream(stream, number))
                await hub.push(number)
                seen.append(await looks - started)
                heard.append(await listening - started)
            spent = (_cpu(pid) - before) / times - resting
    load = f"load {os.getloadavg()[0]:.1f}"
    return [
        *_spread("push to /feed.json", seen, load),
        *_spread("push to /stream", heard, load),
        Row("push", "CPU of all processes", spent * 1e3, "", "ms a push", "at rest taken off"),
    ]


async def _until_in_feed(session: aiohttp.ClientSession, base: str, number: int) -> float:
    headers: dict[str, str] = {}
    title = json.dumps(_title(number), ensure_ascii=False).encode()
    async with asyncio.timeout(PATIENCE):
        while True:
            async with session.get(f"{base}feed.json", headers=headers) as answer:
                if answer.status == 200 and title in await answer.read():
                    return time.perf_counter()
                headers["If-None-Match"] = answer.headers["ETag"]
            await asyncio.sleep(LOOK)


async def _until_on_stream(stream: aiohttp.ClientResponse, number: int) -> float:
    async with asyncio.timeout(PATIENCE):
        while _title(number).encode() not in await stream.content.readuntil(b"\n\n"):
            pass
    return time.perf_counter()


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process and all below it have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it ended between two looks
        return 0.0
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_cpu(int(child)) for child in below)


def _spread(name: str, seconds: list[float], note: str) -> list[Row]:
    ordered = sorted(seconds)
    return [
        Row("push", f"{name}, {kind}", round(value * 1e3, 1), goal, "ms", note)
        for kind, goal, value in (
            ("p50", "≤ 150", ordered[len(ordered) // 2]),
            ("p95", "≤ 300", ordered[int(len(ordered) * 0.95)]),
        )
    ]


@asynccontextmanager
async def _running(origin: Origin) -> AsyncIterator[tuple[str, int]]:
    """A whole Millrace with one source, which names a hub; its address and process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/"
    origin.at("/hub", Answer(status=202))
    names_hub = {"Link": f'<{origin.url("/hub")}>; rel="hub", </feed>; rel="self"'}
    origin.at("/feed", Answer(_feed([_item(0)]), headers=names_hub))
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), base, origin)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "millrace", "run", "--config", config),
            *("--port", str(port), "--data", f"{folder}/data"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield base, child.pid
        finally:
            child.terminate()
            await child.wait()


def _config(folder: Path, base: str, origin: Origin) -> str:
    path = folder / "feeds.yaml"
    source = f"url: '{origin.url('/feed')}', name: pushed, every: 1h, full_text: feed"
    path.write_text(
        f"feed: {{link: '{base}'}}\nfetch: {{allow_private: ['{origin.allowance}']}}\n"
        f"sources: [{{{source}}}]\n"
    )
    return str(path)


async def _subscribed(origin: Origin, session: aiohttp.ClientSession) -> Hub:
    async with asyncio.timeout(PATIENCE):
        while not origin.asked("/hub"):  # noqa: ASYNC110 - over HTTP there is no event
            await asyncio.sleep(0.05)
    form = parse_qs(origin.asked("/hub")[-1].body.decode())
    callback, topic = form["hub.callback"][0], form["hub.topic"][0]
    question: dict[str, Any] = {
        "hub.mode": "subscribe",
        "hub.topic": topic,
        "hub.challenge": "yes",
        "hub.lease_seconds": "86400",
    }
    async with session.get(callback, params=question) as answer:
        assert answer.status == 200, answer.status
    return Hub(session, callback, form["hub.secret"][0], [_item(0)])


def _title(number: int) -> str:
    return "".join(random.Random(number).choices(HAN, k=16))


def _item(number: int) -> str:
    chance = random.Random(number + 10_000)
    text = "".join(f"<p>{''.join(chance.choices(HAN, k=200))}。</p>" for _ in range(6))
    return (
        f"<item><guid>{number}</guid><title>{_title(number)}</title>"
        f"<link>https://pushed.example/{number}</link>"
        f"<description>{escape(text)}</description></item>"
    )


def _feed(items: list[str]) -> str:
    return f"<rss version='2.0'><channel><title>x</title>{''.join(items)}</channel></rss>"
