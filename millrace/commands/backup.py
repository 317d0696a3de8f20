"""`millrace export` and `millrace restore`: a backup of all state, also for a move."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import MillraceError
from millrace.process.data_folder import locked, private_address, private_store
from store.connection import Store, opened
from store.embedded import answers
from store.migration import export_state, restore_state

_STATE = "millrace-state.gz"
_OWNER_ALONE = 0o600  # it holds credentials of subscriptions and, of a private service, all texts


def export_to(place: Path, *, data: Path, redis: str | None) -> tuple[Path, int]:
    """Write all state into the folder `place`, or to the file if it ends in `.gz`.

    Returns the file written and how many keys it holds.
    """
    out = place
    if place.suffix != ".gz" or place.is_dir():
        out = place / _STATE
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise MillraceError(f"{place}: cannot be made: {error.strerror}") from error
    return out, asyncio.run(_export(out, data, redis))


def restore_from(place: Path, *, data: Path, redis: str | None) -> tuple[Path, int]:
    """Restore an export into an empty store; returns the file and its number of keys."""
    file = place / _STATE if place.is_dir() else place
    try:
        return file, asyncio.run(_restore(file, data, redis))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise MillraceError(f"{file}: cannot be read: {error}") from error


async def _export(out: Path, data: Path, redis: str | None) -> int:
    if redis is None and not (data / "store").is_dir():
        raise MillraceError(f"{data}: no data of Millrace here; name its folder with --data")
    part = out.with_name(out.name + ".part")
    count = -1  # the first line is no key
    try:
        async with _store(data, redis) as store:
            part.unlink(missing_ok=True)
            part.touch(mode=_OWNER_ALONE)
            with gzip.open(part, "wt", encoding="ascii", compresslevel=3) as file:
                async for line in export_state(store):
                    file.write(line + "\n")
                    count += 1
        part.replace(out)
    except OSError as error:
        raise MillraceError(f"{out}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return count


async def _restore(file: Path, data: Path, redis: str | None) -> int:
    async with _store(data, redis) as store:
        with gzip.open(file, "rt", encoding="ascii") as lines:
            return await restore_state(store, lines)


@asynccontextmanager
async def _store(data: Path, redis: str | None) -> AsyncIterator[Store]:
    """The store at `redis`, that of a running Millrace, or a private one started for the block."""
    if redis is None and (own := private_address(data)) and await answers(own):
        redis = own
    if redis is not None:
        async with opened(redis) as store:
            yield store
        return
    with locked(data):
        async with private_store(data) as url, opened(url) as store:
            yield store
