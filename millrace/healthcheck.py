"""Health check for containers: `python -m millrace.healthcheck service|worker|worker-process`.

The exit code is 0 if the service answers; if a worker of this host has a heartbeat in the store; if
the event loop of a worker process runs. Only the last is a reason to restart a worker: when the
store is away, workers wait for it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import structlog

from core.errors import ConfigError, MillraceError
from millrace.commands.options import DEFAULT_PORT
from store.address import store_address
from store.connection import opened
from store.monitoring import load_workers

log = structlog.get_logger()

BREATH_SECONDS = 5.0
BREATHLESS_SECONDS = 30.0  # what a busy loop may be late by, several times over


async def keep_heartbeat() -> None:
    """Touch a file of this process every few seconds, as long as the event loop runs."""
    file = _heartbeats() / f"worker-{os.getpid()}"
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        while True:
            file.touch()
            await asyncio.sleep(BREATH_SECONDS)
    except OSError as error:
        log.warning("healthcheck.unwritable", file=str(file), reason=error.strerror)
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def worker_is_alive() -> bool:
    """Whether a worker process of this host touched its file lately, with or without a store."""
    now = time.time()
    with suppress(OSError):
        return any(
            now - file.stat().st_mtime < BREATHLESS_SECONDS
            for file in _heartbeats().glob("worker-*")
        )
    return False


def _heartbeats() -> Path:
    return Path(tempfile.gettempdir()) / f"millrace-{os.getuid()}"


def service_is_well() -> bool:
    """Whether the service on this host answers."""
    port = os.environ.get("MILLRACE_PORT", str(DEFAULT_PORT))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=4) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def worker_is_well(redis: str) -> bool:
    """Whether the store has a recent heartbeat of a worker of this host."""
    async with opened(redis) as store:
        return any(beat.host == socket.gethostname() for beat in await load_workers(store))


def _check_worker() -> int:
    url = os.environ.get("REDIS_URL", "")
    try:
        if not url:
            raise ConfigError(["no store: set REDIS_URL to that of the worker"])
        if asyncio.run(worker_is_well(store_address(url, os.environ))):
            return 0
    except MillraceError as error:
        print(f"millrace: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    print(f"millrace: no worker of {socket.gethostname()} is alive", file=sys.stderr)
    return 1


def main() -> int:
    """Returns 0 if healthy, 1 if not, 2 for wrong arguments."""
    match sys.argv[1:]:
        case ["service"]:
            return 0 if service_is_well() else 1
        case ["worker"]:
            return _check_worker()
        case ["worker-process"]:
            return 0 if worker_is_alive() else 1
    print("usage: python -m millrace.healthcheck service|worker|worker-process", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
