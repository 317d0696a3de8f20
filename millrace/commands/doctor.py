"""`millrace doctor`: checks the machine and prints how to fix each fault."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from core.config.settings import Settings
from core.dates import http_date
from core.errors import MillraceError, StoreAway
from core.urls import without_credentials
from millrace.process.config import read_config
from store.connection import opened
from store.embedded import server_binary, socket_path, socket_url
from store.monitoring import ServerInfo, server_info
from store.revision import Processes, load_processes
from workers.http.client import Fetcher
from workers.http.response import access_of

_DISK_WANTED = 500 * 2**20  # bytes
_CLOCK_ALLOWED = 60.0  # seconds


class Finding(NamedTuple):
    """The result of one check."""

    what: str
    well: bool
    said: str  # how it is, or how to fix it


def examine(*, config: str, data: Path, redis: str | None) -> Iterator[Finding]:
    """Run the checks, one after the other."""
    yield _python()
    settings: list[Settings] = []
    yield _examined("configuration", lambda: _configuration(config, settings))
    yield _examined("data folder", lambda: _data(data))
    yield _examined("disk", lambda: _disk(data))
    yield _examined("store", lambda: _store(data, redis))
    if settings:
        yield from asyncio.run(_network(settings[0]))


def line_of(finding: Finding, *, json: bool) -> str:
    """A finding as one line."""
    if json:
        return orjson.dumps(finding._asdict()).decode()
    return f"{'ok   ' if finding.well else 'fault'}  {finding.what}: {finding.said}"


def _examined(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (MillraceError, OSError) as error:
        return Finding(what, False, " ".join(str(error).split()))


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    well = sys.version_info >= (3, 11)
    return Finding("python", well, version if well else f"{version}: install 3.11 or newer")


def _configuration(config: str, found: list[Settings]) -> str:
    settings = read_config(config)
    found.append(settings)
    return f"{config}: {len(settings.sources)} sources"


def _data(data: Path) -> str:
    place = data if data.exists() else data.absolute().parent
    if not os.access(place, os.W_OK):
        raise MillraceError(f"{place} cannot be written: choose another with --data")
    return str(data)


def _disk(data: Path) -> str:
    free = shutil.disk_usage(data if data.exists() else data.absolute().parent).free
    if free < _DISK_WANTED:
        raise MillraceError(f"{free // 2**20} MiB left: make room, the store's journal needs it")
    return f"{free // 2**20} MiB free"


def _store(data: Path, redis: str | None) -> str:
    if redis is None and not (data.is_dir() and socket_path(data).exists()):
        return f"a private one will be started: {server_binary()}"
    try:
        found, processes = asyncio.run(_server_info(redis or socket_url(data)))
    except StoreAway as error:
        if redis is not None:
            raise
        raise MillraceError(
            f"the private store does not answer at {socket_path(data)}: end `millrace run`, "
            "if it runs, and start it again"
        ) from error
    if wrong := [
        *([found.fault] if found.fault else []),
        *found.warnings,
        *map(str, processes.faults()),
    ]:
        raise MillraceError("; ".join(wrong))
    where = without_credentials(redis) if redis else socket_path(data)
    return f"answers: {where}; {len(processes.beats)} processes follow one feeds.yaml"


async def _server_info(url: str) -> tuple[ServerInfo, Processes]:
    async with opened(url) as store:
        return await server_info(store), await load_processes(store)


async def _network(settings: Settings) -> list[Finding]:
    """Fetch one source: tests name resolution, network and clock in one request."""
    source = next((each for each in settings.sources if each.enabled), None)
    if source is None:
        return []
    async with Fetcher(settings.fetch) as fetcher:
        try:
            answer = await fetcher.get(source.url, access=access_of(source))
        except MillraceError as error:
            how = "check names (DNS), network and proxy"
            return [Finding("network", False, f"{source.name}: {error}; {how}")]
    findings = [Finding("network", True, f"{source.name} answers {answer.status}")]
    stated = answer.headers.get("Date")
    if stated:
        findings.append(_clock(stated))
    return findings


def _clock(stated: str) -> Finding:
    moment = http_date(stated)
    if moment is None:
        return Finding("clock", True, "not compared: no date in the answer")
    off = abs(moment - time.time())
    if off > _CLOCK_ALLOWED:
        return Finding("clock", False, f"{off:.0f} s from the source's: set it by NTP")
    return Finding("clock", True, f"within {_CLOCK_ALLOWED:.0f} s of the source's")
