"""Writes the data folder that the upgrade test goes on from, with the Millrace of a checkout.

    python -m tests.upgrade.make_folder /path/to/checkout/.venv/bin/millrace layout-2 1

The arguments after the command are the name of the file and the part of the world: 5 for a
fifth. `layout-2` was made by commit 2441826, `layout-1` by a1237dd~1, the last that wrote layout 1,
with a fifth of the stories. It takes about half a minute.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import redis

from store.embedded import socket_url
from tests.origin import Origin
from tests.upgrade.running import FOLDERS, Running
from tests.upgrade.world import Phase, World

CHANGES = "millrace:changes"


async def main(millrace: str, name: str, part: str) -> None:
    """Let it run through two phases, then pack what it left."""
    world = World(part=int(part))
    with tempfile.TemporaryDirectory(prefix="millrace-upgrade-") as folder:
        async with Origin() as origin:
            origin.otherwise(world.answer)
            run = Running(Path(folder), world, origin, command=[millrace])
            await run.start()
            try:
                await run.until_polled(2)
                world.phase = Phase.GROWN
                await run.until_stories(world.stories)
                await run.until_polled(3)
                expected = await run.feed()
                expected["position"] = _settle(run.data)
            finally:
                await run.end()
            _pack(run.data, expected, FOLDERS / f"{name}.tar.xz")


def _settle(data: Path) -> str:
    """Rewrite the journal, so that it holds each key once; returns the last change's position."""
    client = redis.Redis.from_url(socket_url(data), decode_responses=True)
    client.bgrewriteaof()
    while client.info("persistence")["aof_rewrite_in_progress"]:  # type: ignore[index]
        client.blpop(["none"], timeout=0.1)  # type: ignore[arg-type]
    ((position, _),) = client.xrevrange(CHANGES, count=1)  # type: ignore[misc]
    client.close()
    return str(position)


def _pack(data: Path, expected: dict[str, Any], file: Path) -> None:
    with tarfile.open(file, "w:xz", preset=9) as kept:
        kept.add(data / "store", "store")
        text = json.dumps(expected, indent=0).encode()
        row = tarfile.TarInfo("expected.json")
        row.size = len(text)
        kept.addfile(row, io.BytesIO(text))
    print(f"{file}: {file.stat().st_size} bytes, {len(expected['items'])} stories")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
