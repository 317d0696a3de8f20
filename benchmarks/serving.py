"""What one reader costs: a poll answered from memory, beside nginx with the same bytes; how soon a
change is seen; how long a render takes. The load comes from wrk, where it is installed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks import Row
from core.config.settings import Settings
from millrace.process.data_folder import throwaway_store
from millrace.process.lifetime import run_loop
from service.app import run_service
from store.connection import opened
from tests.service.conftest import make_story, put

STORIES = 100
BODY = 1500  # characters of a body; random ones, so that 100 of them are 200 kB compressed
TURNS = 5  # of ours and theirs
HAN = [chr(point) for point in range(0x4E00, 0x5200)]
GZIP = {"Accept-Encoding": "gzip"}
_NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; gzip_static on; keepalive_requests 10000000;
  types {{ application/rss+xml xml; }}
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


@dataclass(frozen=True)
class Server:
    """One server under load."""

    url: str
    pid: int


def run(smoke: bool) -> Iterator[Row]:
    """The figures of the service."""
    with tempfile.TemporaryDirectory() as folder, _service() as ours:
        yield from asyncio.run(_freshness(ours, 2 if smoke else 50))
        yield from _beside_nginx(ours, Path(folder), *((1, 1) if smoke else (TURNS, 5)))


def _beside_nginx(ours: Server, folder: Path, turns: int, seconds: int) -> Iterator[Row]:
    if shutil.which("wrk") is None or shutil.which("nginx") is None:
        yield Row("serving", "polls beside nginx", None, note="needs wrk and nginx")
        return
    with _nginx(ours, folder) as theirs:
        for name, goal, known in (("gzip 200", "≥ 0.45", False), ("304", "≥ 0.20", True)):
            costs = [
                [_cost(server, known=known, seconds=seconds) for server in (ours, theirs)]
                for _ in range(turns)
            ]
            own, other = (statistics.median(each) for each in zip(*costs, strict=True))
            ratios = sorted(theirs / ours for ours, theirs in costs)
            spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}, load {os.getloadavg()[0]:.1f}"
            yield Row(
                "serving", f"{name}: CPU of a poll", own, unit="µs", note=f"nginx {other:.1f}"
            )
            middle = statistics.median(ratios)
            yield Row("serving", f"{name}: of nginx's polls per core", middle, goal, note=spread)


def _cost(server: Server, *, known: bool, seconds: int) -> float:
    """CPU microseconds of one request, in the server's own process."""
    headers = dict(GZIP)
    if known:
        asked = urllib.request.Request(server.url, headers=GZIP)  # noqa: S310 - our own address
        with urllib.request.urlopen(asked) as answer:  # noqa: S310 - the same
            headers["If-None-Match"] = answer.headers["ETag"]
    options = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    before = _ticks(server.pid)
    told = subprocess.run(
        ["wrk", "-t1", "-c8", f"-d{seconds}s", *options, server.url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    requests = next(int(line.split()[0]) for line in told.splitlines() if "requests in" in line)
    return (_ticks(server.pid) - before) / os.sysconf("SC_CLK_TCK") * 1e6 / requests


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def _freshness(ours: Server, times: int) -> list[Row]:
    """From the store's change until /feed.json and /stream have it."""
    seen: list[float] = []
    heard: list[float] = []
    base = ours.url.rpartition("/")[0]
    async with (
        aiohttp.ClientSession() as session,
        opened(os.environ["BENCH_STORE"]) as store,
        session.get(f"{base}/stream") as stream,
    ):
        await stream.content.readuntil(b"\n\n")
        for number in range(times):
            story = make_story(100_000 + number)
            started = time.perf_counter()
            await put(store, story)
            event = await stream.content.readuntil(b"\n\n")
            heard.append(time.perf_counter() - started)
            assert json.loads(event.split(b"data: ")[1])["id"] == story.id
            while story.id.encode() not in await _read(session, f"{base}/feed.json"):
                pass
            seen.append(time.perf_counter() - started)
            await asyncio.sleep(1.0)  # a feed is rendered once a second
    return [
        _spread("change to /stream", heard),
        _spread("change to /feed.json", seen),
    ]


async def _read(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as answer:
        return await answer.read()


def _spread(name: str, seconds: list[float]) -> Row:
    ordered = sorted(seconds)
    worst = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    middle = statistics.median(ordered)
    return Row("serving", name, round(middle * 1e3, 1), unit="ms", note=f"p95 {worst * 1e3:.1f}")


@contextmanager
def _service() -> Iterator[Server]:
    """A service of its own process over a store of its own, with a full feed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.serving", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            os.environ["BENCH_STORE"] = child.stdout.readline().strip()
            yield Server(f"http://127.0.0.1:{port}/feed.xml", child.pid)
        finally:
            child.terminate()


@contextmanager
def _nginx(ours: Server, folder: Path) -> Iterator[Server]:
    """nginx with the very bytes that our service sends, compressed beforehand."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.chmod(0o755)  # nginx's workers are nobody
    (folder / "www").mkdir()
    for name, headers in (("feed.xml", {}), ("feed.xml.gz", GZIP)):
        asked = urllib.request.Request(ours.url, headers=headers)  # noqa: S310 - our own address
        with urllib.request.urlopen(asked) as answer:  # noqa: S310 - the same
            (folder / "www" / name).write_bytes(answer.read())
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    with subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf")]) as child:
        try:
            children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
            while not (found := children.read_text().split()):
                time.sleep(0.05)  # a starting process gives no notice
            yield Server(f"http://127.0.0.1:{port}/feed.xml", int(found[0]))
        finally:
            child.terminate()


@asynccontextmanager
async def _filled_store() -> AsyncIterator[str]:
    async with throwaway_store() as url, opened(url) as store:
        stories = [make_story(number, sources=("first", "second")) for number in range(STORIES)]
        chance = random.Random(1)
        for story in stories:
            text = "".join(chance.choices(HAN, k=BODY))
            article = story.article.model_copy(update={"html": f"<p>{text}</p>", "text": text})
            await put(store, story.model_copy(update={"article": article}))
        yield url


async def _serve(port: int) -> None:
    async with _filled_store() as url, opened(url) as store:
        ready = asyncio.create_task(_announce(port, url))
        settings, stop = Settings(), asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        with socket.create_server(("127.0.0.1", port)) as listener:
            await run_service(store, lambda: settings, listener=listener, stop=stop)
        await ready


async def _announce(port: int, url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health/ready") as answer:
                    if answer.status == 200:
                        break
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)
    print(url, flush=True)


if __name__ == "__main__":
    run_loop(_serve(int(sys.argv[1])))
