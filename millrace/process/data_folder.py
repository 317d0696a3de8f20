"""The data folder, and the stores that commands reach through it: a running or a private one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from core.errors import MillraceError, StoreError
from core.urls import without_credentials
from millrace.process.lifetime import Lifeline
from store.connection import Store, opened
from store.embedded import (
    answers,
    await_answer,
    end_orphan,
    repair_of_journal,
    server_command,
    socket_path,
    socket_url,
)

_LOCK = "run.lock"


@contextmanager
def locked(data: Path, *, redis: str | None = None) -> Iterator[None]:
    """Lock the data folder for the block. Raises MillraceError when another run has it.

    `redis`: the store of this run where it is not the folder's own; commands find it here.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise MillraceError(
            f"{data}: cannot be written ({error.strerror}); choose another with --data"
        ) from error
    try:
        _lock(file, data)
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n{redis or ''}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _lock(file: int, data: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(file, 20, 0).decode("ascii", "replace").partition("\n")[0] or "?"
        raise MillraceError(
            f"{data}: already in use by process {owner}; end it, or use another with --data"
        ) from None


def store_of_run(data: Path) -> str | None:
    """The store that the run on this folder was given; None if there is no run, or its own."""
    try:
        owner, redis, *_ = (data / _LOCK).read_text(encoding="utf-8").split("\n")
        os.kill(int(owner), 0)  # what a run that ended left behind counts no more
    except (OSError, ValueError):
        return None
    return redis or None


@asynccontextmanager
async def running_store(*, data: Path, redis: str | None) -> AsyncIterator[Store]:
    """The store at `redis`, or that of the `millrace run` on this data folder."""
    url = redis or store_of_run(data) or private_address(data)
    if url is None or not await answers(url):
        where = without_credentials(redis) if redis else f"the data folder {data}"
        raise MillraceError(
            f"no running Millrace at {where}: start `millrace run`, or name its store with --redis "
            "or its folder with --data"
        )
    async with opened(url) as store:
        yield store


def private_address(data: Path) -> str | None:
    """The address of the private store of this folder, which may run; None without a socket."""
    return socket_url(data) if data.is_dir() and socket_path(data).exists() else None


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
        repair = await asyncio.to_thread(repair_of_journal, data)
        remedy = f"copy {data}/store, then cut its broken journal at the fault: {repair}"
        raise StoreError(
            f"the private store in {data} does not start; "
            + (remedy if repair else f"look into {data}/store")
        )
