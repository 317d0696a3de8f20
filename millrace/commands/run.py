"""`millrace run`: a supervisor over the store, workers and the service, each a separate process.

The supervisor starts a process again that died, and ends all of them when it ends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import structlog

from millrace.process import logs
from millrace.process.config import LiveSettings, follow
from millrace.process.data_folder import locked
from millrace.process.lifetime import (
    LISTEN,
    listening_socket,
    raise_descriptors,
    shown_address,
    stop_event,
)
from millrace.process.supervise import Program, supervise
from store.embedded import await_answer, end_orphan, server_command, socket_url

log = structlog.get_logger()

# All ends within 10 s: workers drain for 8, the store then only has to close its journal.
_CHILD_GRACE = 8.6
_STORE_GRACE = 1.2


def run_all(
    *, config: str, host: str, port: int, data: Path, redis: str | None, workers: int
) -> None:
    """Run until SIGTERM or Ctrl-C. Raises ConfigError or MillraceError when it cannot start."""
    raise_descriptors()
    live = LiveSettings(config)
    with locked(data, redis=redis), listening_socket(host, port) as listener:
        asyncio.run(_run(live, listener, data, redis, workers))


async def _run(
    live: LiveSettings, listener: socket.socket, data: Path, redis: str | None, workers: int
) -> None:
    stop = stop_event()
    if redis is None and await end_orphan(data):
        log.warning("store.orphan_ended", data=str(data))
    following = asyncio.create_task(follow(live))
    try:
        await supervise(
            _stages(live.path, listener, data, redis, workers),
            stop,
            lambda: _greet(live, shown_address(listener)),
        )
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def _stages(
    config: str, listener: socket.socket, data: Path, redis: str | None, workers: int
) -> list[list[Program]]:
    """The stages of programs to start, in order."""
    url = redis or socket_url(data)
    common = {"REDIS_URL": url}
    # The address is complete; a login in the environment is not meant for the private store.
    common |= dict.fromkeys(("REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE"), "")
    descriptor = listener.fileno()
    service = Program(
        "service",
        _millrace("serve", "--config", config),
        grace=_CHILD_GRACE,
        environment={**common, LISTEN: str(descriptor)},
        descriptors=(descriptor,),
        ready=lambda: _await_service(listener),
    )
    worker_programs = [
        Program(
            f"worker-{number}",
            _millrace("work", "--config", config),
            grace=_CHILD_GRACE,
            environment=common,
        )
        for number in range(1, workers + 1)
    ]
    return [*([] if redis else [[_store(data)]]), [service, *worker_programs]]


def _store(data: Path) -> Program:
    return Program(
        "store",
        server_command(data),
        grace=_STORE_GRACE,
        ready=lambda: await_answer(socket_url(data)),
        ours=False,
    )


def _millrace(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "millrace", *arguments]


async def _await_service(listener: socket.socket) -> None:
    """Wait until the service answers; its socket accepts connections before that."""
    host, port = listener.getsockname()[:2]
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    reader, writer = await asyncio.open_connection(here, port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await reader.readline()
    writer.close()
    await writer.wait_closed()


def _greet(live: LiveSettings, address: str) -> None:
    """Report the address: a block of lines on a terminal, else one event in the log."""
    count, end = len(live().sources), f"kill {os.getpid()}"
    if not sys.stdout.isatty() or logs.form_from_environment() == "json":
        log.info(
            "millrace.running",
            sources=count,
            read=f"{address}/",
            subscribe=f"{address}/feed.xml",
            add=live.path,
            end=end,
        )
        return
    print(
        f"\nMillrace is running with {count} source{'' if count == 1 else 's'}.\n\n"
        f"  read       {address}/\n"
        f"  subscribe  {address}/feed.xml\n"
        f"  add        a line `- url: https://…` under `sources:` in {live.path};\n"
        f"             it takes effect when you save the file\n"
        f"  end        {'Ctrl-C' if sys.stdin.isatty() else end}\n",
        flush=True,
    )
