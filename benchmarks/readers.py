"""What readers of /stream cost the service: 300 that do not read and 1,000 that do, while one poll
brings 40 entries of 84 kB; `/health/live` is measured throughout."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import aiohttp

from benchmarks import Row
from tests.origin import Answer, Origin

LETTERS = 84_000  # of an entry
PAUSE = 0.02  # seconds between two requests to /health/live
_MIB = 2**20


def run(smoke: bool) -> Iterator[Row]:
    """Memory and latency of the service."""
    deaf, reading, entries = (20, 50, 5) if smoke else (300, 1000, 40)
    yield from asyncio.run(_measure(deaf, reading, entries))


@dataclass
class Live:
    """How long /health/live took, and the most memory that the service had."""

    pid: int
    seconds: list[float] = field(default_factory=list)
    most: int = 0

    async def watch(self, base: str) -> None:
        """Measure until cancelled."""
        async with aiohttp.ClientSession() as session:
            while True:
                begun = time.perf_counter()
                async with session.get(f"{base}health/live") as answer:
                    await answer.read()
                self.seconds.append(time.perf_counter() - begun)
                self.most = max(self.most, _memory(self.pid))
                await asyncio.sleep(PAUSE)


async def _measure(deaf: int, reading: int, entries: int) -> list[Row]:
    async with Origin() as origin, _running(origin) as (base, pid):
        crowd = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.readers", base, str(deaf), str(reading)),
            str(entries),
            stdout=asyncio.subprocess.PIPE,
        )
        assert crowd.stdout is not None
        await crowd.stdout.readline()  # all are connected
        service = _service(pid)
        before = _memory(service)
        live = Live(service)
        watching = asyncio.create_task(live.watch(base))
        origin.at("/feed", Answer(_feed(entries)))
        async with asyncio.timeout(300):
            said = (await crowd.stdout.readline()).decode()
        watching.cancel()
        await crowd.wait()
    ordered = sorted(live.seconds)
    note = f"{deaf} deaf, {reading} reading, {entries} entries of {LETTERS // 1000} kB: {said}"
    return [
        Row("readers", "memory", (live.most - before) / _MIB, "≤ 200", "MiB", note.strip()),
        Row("readers", "/health/live, p50", ordered[len(ordered) // 2] * 1e3, "", "ms"),
        Row("readers", "/health/live, p99", ordered[len(ordered) * 99 // 100] * 1e3, "", "ms"),
        Row(
            "readers",
            "/health/live, longest",
            ordered[-1] * 1e3,
            "≤ 250",
            "ms",
            f"of {len(ordered)}, {sum(each > 0.25 for each in ordered)} over the goal",
        ),
    ]


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def _service(pid: int) -> int:
    """The process of the service below `millrace run`."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise LookupError("no service below millrace run")


@asynccontextmanager
async def _running(origin: Origin) -> AsyncIterator[tuple[str, int]]:
    origin.at("/feed", Answer(_feed(0)))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "feeds.yaml"
        config.write_text(
            f"fetch: {{allow_private: ['{origin.allowance}'], min_interval: 1s}}\n"
            f"sources: [{{url: '{origin.url('/feed')}', every: 2s, full_text: feed}}]\n"
        )
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "millrace", "run", "--config", str(config)),
            *("--port", str(port), "--data", f"{folder}/data"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _filled(base)
            yield base, child.pid
        finally:
            child.terminate()
            await child.wait()


async def _filled(base: str) -> None:
    """Return once the first entry is in the feed."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            try:
                async with session.get(f"{base}feed.json") as answer:
                    if answer.status == 200 and (await answer.json(content_type=None))["items"]:
                        return
            except aiohttp.ClientError:
                pass  # it does not listen yet
            await asyncio.sleep(0.1)


def _feed(entries: int) -> str:
    items = "".join(_item(number) for number in range(entries + 1))
    return (
        "<?xml version='1.0'?><rss version='2.0'><channel><title>Long reads</title>"
        f"<link>https://long.example/</link>{items}</channel></rss>"
    )


def _item(number: int) -> str:
    chance = random.Random(number)
    words = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=6)) for _ in range(2000)]
    length = LETTERS if number else 500
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < length:
        paragraphs.append(f"<p>{' '.join(chance.choices(words, k=60))}.</p>")
    return (
        f"<item><guid>{number}</guid><title>Long read {words[0]} {words[1]}</title>"
        f"<link>https://long.example/{number}</link>"
        f"<description>{escape(''.join(paragraphs))}</description></item>"
    )


async def _crowd(base: str, deaf: int, reading: int, entries: int) -> None:
    """Connect, say so, and read until every reader has every entry."""
    port = int(base.rstrip("/").rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port, limit=1024) for _ in range(deaf)]
    for _, writer in silent:
        writer.write(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    loud = [await asyncio.open_connection("127.0.0.1", port) for _ in range(reading)]
    for reader, writer in loud:
        writer.write(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await reader.readuntil(b"\n\n\r\n")
    print("connected", flush=True)
    begun = time.perf_counter()
    sizes = await asyncio.gather(*(_read(reader, entries) for reader, _ in loud))
    print(
        f"{sum(sizes) / _MIB:.0f} MiB read in {time.perf_counter() - begun:.1f} s"
        " from the new feed on",
        flush=True,
    )


async def _read(reader: asyncio.StreamReader, entries: int) -> int:
    mark, tail, events, size = b"\ndata: ", b"", 0, 0
    while events < entries:
        data = await reader.read(2**18)
        if not data:
            raise ConnectionError(f"the stream ended after {events} of {entries} events")
        events += (tail + data).count(mark)
        tail = data[-len(mark) + 1 :]
        size += len(data)
    return size


if __name__ == "__main__":
    asyncio.run(_crowd(sys.argv[1], *map(int, sys.argv[2:5])))
