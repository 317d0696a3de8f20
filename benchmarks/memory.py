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
    feeds, sizes, grown = Stubs(), [], []
    async with taken(feeds, sources=sources, each=each, pages=Fresh()) as taking:
        for done in range(rounds):
            if done:
                feeds.newest += each
                await taking.poll_all(sources * each * (done + 1))
            crew = tree(taking.process)
            sizes.append([_bytes(process, "Pss") for process in crew])
            grown.append([_bytes(process, "Pss_Anon") for process in crew])
    pages = sources * each * (rounds - 1)
    children = f"with {len(sizes[-1]) - 1} processes under it {sum(sizes[-1]) / _MIB:.0f} MiB"
    return [
        Row("memory", "worker, warm", sizes[-1][0] / _MIB, "≤ 130", "MiB", children),
        _growth("worker, growth", [own for own, *_ in grown], pages),
        _growth("worker and children, growth", [sum(each) for each in grown], pages),
    ]


def _growth(name: str, sizes: list[int], pages: int) -> Row:
    steps = ", ".join(f"{(size - sizes[0]) / _MIB:.1f}" for size in sizes[1:])
    grown = (sizes[-1] - sizes[0]) / _MIB
    return Row("memory", name, grown, "≤ 5", "MiB", f"over {pages} pages: {steps}")


def _bytes(process: int, kind: str) -> int:
    """Bytes that a process takes; what it shares with others counts in parts.

    `Pss` is all of it; `Pss_Anon` leaves files out, which get cheaper with each process that maps
    them too, whoever's it is.
    """
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    return 0
