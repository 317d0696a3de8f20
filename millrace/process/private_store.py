"""A private store for as long as one command runs: under the data folder, or thrown away."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import StoreError
from millrace.process.lifetime import Lifeline
from store.embedded import server_command, socket_path, socket_url
from store.private import await_answer, end_orphan

_START_SECONDS = 60.0  # a long journal takes some
_END_SECONDS = 10.0


@asynccontextmanager
async def private_store(data: Path) -> AsyncIterator[str]:
    """The address of a private store with the journal of `data`; the caller holds the lock."""
    await end_orphan(data)
    async with _serving(data, persistent=True) as url:
        yield url


@asynccontextmanager
async def throwaway_store() -> AsyncIterator[str]:
    """The address of an empty store that leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        async with _serving(Path(folder), persistent=False) as url:
            yield url


@asynccontextmanager
async def _serving(data: Path, *, persistent: bool) -> AsyncIterator[str]:
    server = await asyncio.create_subprocess_exec(
        *server_command(data, persistent=persistent),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us; the store ends after the last write
    )
    lifeline = Lifeline()
    reaper = await lifeline.reaper(server.pid)
    try:
        await _answering(server, data)
        yield socket_url(data)
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.terminate()
        try:
            await asyncio.wait_for(server.wait(), _END_SECONDS)
        except TimeoutError:
            server.kill()
            await server.wait()
        reaper.kill()
        await reaper.wait()
        lifeline.close()
        socket_path(data).unlink(missing_ok=True)


async def _answering(server: asyncio.subprocess.Process, data: Path) -> None:
    ended = asyncio.create_task(server.wait())
    answered = asyncio.create_task(await_answer(socket_url(data)))
    done, waiting = await asyncio.wait(
        [ended, answered], timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if answered not in done:
        raise StoreError(f"the private store in {data} does not start; look into {data}/store")
