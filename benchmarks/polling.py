"""What a worker's polls cost and how punctual they are: unchanged sources, hostile ones, none.

Each source has an address of its own on the loopback network, as sources have on the web, and
per-host limits stand as they are shipped; at 5 s each poll makes a connection, at 2 s it is kept.
Beside that the case that other aggregators were measured in: all feeds of one origin at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import Row
from millrace.process.data_folder import throwaway_store
from store.connection import Store, opened
from store.monitoring import load_workers
from store.schedule import poll_in_order

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n"
EMPTY = b"<rss version='2.0'><channel><title>x</title></channel></rss>"
NESTED = EMPTY.replace(b"</ch", b"<item><title>x</title><description>%b</description></item></ch")
NESTED %= b"&lt;div&gt;" * 100_000
LIST = b"".join(
    b"<item><guid>%d</guid><title>%d</title><description>%d</description></item>" % (n, n, n)
    for n in range(20_000)
)
HOSTILE = ("silence", "drip", "headers", "endless", "reset", "nested", "long")
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK = 0.25


def run(smoke: bool) -> Iterator[Row]:
    """The figures of polling."""
    most, seconds = (50, 5) if smoke else (1000, 20)
    yield from asyncio.run(_unchanged("a new connection", most, every=5, seconds=seconds))
    yield from asyncio.run(
        _unchanged("a kept connection", most * 9 // 20, every=2, seconds=seconds)
    )
    yield asyncio.run(_one_origin(50, rounds=2 if smoke else 40))
    yield asyncio.run(_idle(seconds=3 if smoke else 30))
    for hostile in (7,) if smoke else (0, 28):
        yield from asyncio.run(_beside(hostile, seconds=4 if smoke else 40))


class Crew(NamedTuple):
    """One worker, its store, and when each path was asked for."""

    process: int
    store: Store
    asked: dict[str, list[float]]

    async def spent(self) -> tuple[float, float]:
        """CPU seconds so far, of the worker with its children and of the store."""
        info = await self.store.redis.info("cpu")
        store = float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
        return sum(map(_seconds, _tree(self.process))), store


async def _unchanged(case: str, sources: int, *, every: float, seconds: float) -> list[Row]:
    async with _crew([f"/good/{n}" for n in range(sources)], every=every) as crew:
        while len(crew.asked) < sources or min(map(len, crew.asked.values())) < 2:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK)
        began, polls, before = time.monotonic(), _polls(crew), await crew.spent()
        await asyncio.sleep(seconds)
        polls, after = _polls(crew) - polls, await crew.spent()
        wall = time.monotonic() - began
    worker, store = ((b - a) * 1000 / polls for a, b in zip(before, after, strict=True))
    note = f"store {store:.2f} ms, {polls / wall:.0f} polls a second"
    return [
        Row("polling", f"unchanged poll on {case}, all in", worker + store, "≤ 2", "ms CPU", note)
    ]


async def _one_origin(sources: int, *, rounds: int) -> Row:
    """All feeds of one origin are polled again at once, time and again."""
    names = [f"s{n}" for n in range(sources)]
    async with _crew([f"/good/{n}" for n in range(sources)], every=3600, apart=False) as crew:
        while len(crew.asked) < sources:  # noqa: ASYNC110 - another process
            await asyncio.sleep(_LOOK)
        before, first = await crew.spent(), _polls(crew)
        for done in range(rounds):
            await poll_in_order(crew.store, names)
            while _polls(crew) < first + sources * (done + 1):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        polls, after = _polls(crew) - first, await crew.spent()
    spent = (sum(after) - sum(before)) * 1000 / polls
    name = f"unchanged poll, {sources} of one origin at once, all in"
    return Row("polling", name, spent, "≤ 2", "ms CPU", f"{rounds} rounds")


async def _idle(*, seconds: float) -> Row:
    async with _crew([], every=3600) as crew:
        await asyncio.sleep(2)
        before = await crew.spent()
        await asyncio.sleep(seconds)
        after = await crew.spent()
    worker, store = (100 * (b - a) / seconds for a, b in zip(before, after, strict=True))
    return Row("polling", "idle worker", worker, "≤ 2", "% of a core", f"store {store:.2f} %")


async def _beside(hostile: int, *, seconds: float) -> list[Row]:
    """Thirty good sources with a cold start; how late their polls are."""
    bad = [f"/{HOSTILE[n % len(HOSTILE)]}/{n}" for n in range(hostile)]
    async with _crew([*bad, *(f"/good/{n}" for n in range(30))], every=2) as crew:
        while not crew.asked:  # noqa: ASYNC110 - another process
            await asyncio.sleep(_LOOK)
        await asyncio.sleep(seconds)
        began = min(times[0] for times in crew.asked.values())
        good = [times for path, times in crew.asked.items() if path.startswith("/good")]
        now = time.monotonic()
    gaps = [
        later - at for times in good for at, later in zip(times, [*times[1:], now], strict=True)
    ]
    beside = f"beside {hostile} hostile sources"
    return [
        Row("polling", f"{beside}: last first poll", max(t[0] for t in good) - began, "", "s"),
        Row("polling", f"{beside}: longest gap", max(gaps), "", "s", "interval 2 to 2.5 s"),
    ]


def _polls(crew: Crew) -> int:
    return sum(map(len, crew.asked.values()))


@asynccontextmanager
async def _crew(paths: list[str], *, every: float, apart: bool = True) -> AsyncIterator[Crew]:
    """A worker that has just found these paths in feeds.yaml, each at a host of its own or not."""
    asked: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        server = await asyncio.start_server(
            lambda reader, writer: _answer(reader, writer, asked),
            "0.0.0.0",  # noqa: S104 - all of the loopback network; a measurement, for a minute
            0,
            backlog=1000,
        )
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        url = await stack.enter_async_context(throwaway_store())
        store = await stack.enter_async_context(opened(url))
        config = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "feeds.yaml"
        config.write_text(_config(paths, port, every, apart=apart), encoding="utf-8")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "millrace", "work", "--config", str(config), "--redis", url,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while not await load_workers(store):  # noqa: ASYNC110 - another process
                await asyncio.sleep(_LOOK)
            yield Crew(worker.pid, store, asked)
        finally:
            worker.terminate()
            await worker.wait()


def _config(paths: list[str], port: int, every: float, *, apart: bool) -> str:
    lines = ["fetch:", f"  allow_private: ['127.0.0.0/8:{port}']", "  min_interval: 2s"]
    lines += ["  timeout: 5s", "  backoff: {base: 2s, cap: 4s}"]
    lines += [] if apart else ["  per_host: {in_flight: 50, per_second: 100000}"]
    lines += ["sources:"]
    for n, path in enumerate(paths or ["/good/0"]):
        host = f"127.0.{n // 250}.{n % 250 + 1}" if apart else "127.0.0.1"
        lines.append(f"- {{name: s{n}, url: 'http://{host}:{port}{path}', every: {every}s}}")
    return "\n".join(lines) + "\n"


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[str, list[float]]
) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            asked.setdefault(path, []).append(time.monotonic())
            kind = path.split("/")[1]
            if kind != "good":
                await _be(kind, writer)
                break
            if b"If-None-Match" in head:
                writer.write(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
            else:
                writer.write(_framed(EMPTY))
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        pass  # the worker hung up, or the measurement is over
    finally:
        writer.close()


async def _be(kind: str, writer: asyncio.StreamWriter) -> None:
    """One way to be a bad neighbour."""
    match kind:
        case "silence":
            await asyncio.sleep(60)
        case "drip":
            await _repeat(writer, HEAD + b"Content-Length: 99999\r\n\r\n", b" ", 0.5)
        case "headers":
            await _repeat(writer, b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.3)
        case "endless":
            await _repeat(writer, HEAD + b"\r\n", LIST[:60_000], 0.02)
        case "reset":
            writer.transport.abort()
        case "nested":
            writer.write(_framed(NESTED))
        case "long":
            writer.write(_framed(EMPTY.replace(b"</ch", LIST + b"</ch")))


async def _repeat(writer: asyncio.StreamWriter, head: bytes, piece: bytes, pause: float) -> None:
    writer.write(head)
    while True:  # until the other side hangs up
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)


def _framed(body: bytes) -> bytes:
    return HEAD + b'ETag: "1"\r\nContent-Length: %d\r\n\r\n' % len(body) + body


def _tree(process: int) -> list[int]:
    found = [process]
    for thread in Path(f"/proc/{process}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += _tree(int(child))
    return found


def _seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
