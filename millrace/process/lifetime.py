"""A long-running process: its loop, its listening socket, and its end by SIGTERM, Ctrl-C or the
end of its parent.

A supervisor opens the socket and its service inherits it: while a dead service is started again,
readers wait in the queue of the socket instead of being refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

import structlog

from core.errors import MillraceError

Result = TypeVar("Result")

log = structlog.get_logger()

LIFELINE = "MILLRACE_LIFELINE"  # file descriptor of the pipe's reading end
_LAST_RESORT = 12.0  # seconds from the supervisor's end to ours, whatever hangs
LONGEST_END = 9.5  # seconds from SIGTERM to the end of a process that no supervisor cuts off
DESCRIPTORS = 65_536  # more are of no use; macOS and containers have "infinity"


LISTEN = "MILLRACE_LISTEN"  # file descriptor of an inherited socket
_BACKLOG = 1024


def run_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` on the fastest loop there is, with all descriptors that are allowed."""
    raise_descriptors()
    if find_spec("uvloop") is None:
        return asyncio.run(main)
    import uvloop  # only where it was found: Windows and PyPy have none

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def raise_descriptors() -> None:
    """Raise the limit of open files to what is allowed, for this process and its children.

    systemd and most shells start programs with 1,024, and each reader of /stream takes one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS allows fewer than its limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Lifeline:
    """A pipe that ends when this process ends, however it ends."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    async def reaper(self, pid: int) -> asyncio.subprocess.Process:
        """A shell that waits for our end and then ends a program that cannot watch for it."""
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", 'read -r _; kill -TERM "$0"', str(pid)),
            stdin=self.reader,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Close both ends: reapers then end their program."""
        os.close(self._writer)
        os.close(self.reader)


def stop_event(*, cut_off: float | None = None) -> asyncio.Event:
    """Set by SIGTERM, SIGINT, SIGHUP and by the supervisor's end. Call once, inside the loop.

    `cut_off`: seconds after which the process ends in whatever state it is. What it was working on
    is then done again by others, as after a kill.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if cut_off is not None and not stop.is_set():
            threading.Thread(target=_cut_off, args=(cut_off,), daemon=True).start()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    descriptor = os.environ.get(LIFELINE)
    if descriptor is not None:
        threading.Thread(target=_watch, args=(int(descriptor),), daemon=True).start()
    return stop


def _cut_off(seconds: float) -> None:
    time.sleep(seconds)  # a deadline, on a thread that does not keep the process alive
    log.warning("process.cut_off", after=seconds)
    os._exit(1)


def _watch(descriptor: int) -> None:
    try:
        os.read(descriptor, 1)
    except OSError:
        return  # not our pipe: the variable came from somewhere else
    os.kill(os.getpid(), signal.SIGTERM)
    _cut_off(_LAST_RESORT)


def is_inherited() -> bool:
    """Whether the socket is a supervisor's, and stays open when this process ends."""
    return LISTEN in os.environ


def listening_socket(host: str, port: int) -> socket.socket:
    """The inherited socket, or a new one; raises MillraceError when the address cannot be used."""
    inherited = os.environ.get(LISTEN)
    if inherited is not None:
        return socket.socket(fileno=int(inherited))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MillraceError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --host or --port"
        ) from error
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def shown_address(listener: socket.socket) -> str:
    """The URL at which a browser on this machine finds the listener."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound to
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
