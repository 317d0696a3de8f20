"""For containers: `python -m millrace.healthcheck service|worker` ends with 0 if it is well.

The service must answer; a worker must have given a sign of life from this host.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import urllib.request

from core.errors import ConfigError, MillraceError
from millrace.options import DEFAULT_PORT
from store.address import store_address
from store.connection import opened
from store.heartbeat import load_workers


def service_is_well() -> bool:
    """Whether the service on this host answers."""
    port = os.environ.get("MILLRACE_PORT", str(DEFAULT_PORT))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=4) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def worker_is_well(redis: str) -> bool:
    """Whether the store was given a sign of life from a worker of this host lately."""
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
    """0 if well, 1 if not, 2 for a wrong question."""
    match sys.argv[1:]:
        case ["service"]:
            return 0 if service_is_well() else 1
        case ["worker"]:
            return _check_worker()
    print("usage: python -m millrace.healthcheck service|worker", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
