"""What a warm worker takes in memory, and how much it grows over many different pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row
from benchmarks._pages import new_page
from benchmarks._taken import taken, tree
from benchmarks.road import Stubs

_MIB = 2**20


class Fresh(dict[str, bytes]):
    """Pages that are made when they are asked for, and not kept: each is asked for once."""

    def __missing__(self, name: str) -> bytes:
        return new_page(name)


def run(smoke: bool) -> Iterator[Row]:
    """Worker and children, after the first pages and after all."""
    yield from asyncio.run(_grown(2 if smoke else 50, rounds=2 if smoke else 10, each=20))


async def _grown(sources: int, *, rounds: int, each: int) -> list[Row]:
    feeds, sizes = Stubs(), []
    async with taken(feeds, sources=sources, each=each, pages=Fresh()) as taking:
        for done in range(rounds):
            if done:
                feeds.newest += each
                await taking.poll_all(sources * each * (done + 1))
            sizes.append([_private(process) for process in tree(taking.process)])
    pages = sources * each * (rounds - 1)
    worker, every = [own for own, *_ in sizes], [sum(size) for size in sizes]
    children = f"with {len(sizes[-1]) - 1} processes under it {every[-1] / _MIB:.0f} MiB"
    return [
        Row("memory", "worker, warm", worker[0] / _MIB, "≤ 130", "MiB", children),
        _growth("worker, growth", worker, pages),
        _growth("worker and children, growth", every, pages),
    ]


def _growth(name: str, sizes: list[int], pages: int) -> Row:
    steps = ", ".join(f"{(size - sizes[0]) / _MIB:.1f}" for size in sizes[1:])
    grown = (sizes[-1] - sizes[0]) / _MIB
    return Row("memory", name, grown, "≤ 5", "MiB", f"over {pages} pages: {steps}")


def _private(process: int) -> int:
    """Bytes that a process takes: what it shares with others counts in parts."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
