"""Keeps programs running: each is started again when it dies, and all end together.

Every child leads a separate session, so that Ctrl-C reaches only the supervisor, which ends its
children in order. Processes that a killed child leaves behind are ended with its process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from core.errors import MillraceError
from millrace.process.lifetime import LIFELINE, Lifeline
from millrace.process.logs import PROCESS_VARIABLE

log = structlog.get_logger()

SHORTEST_PAUSE = 0.1  # seconds before a dead child is started again
LONGEST_PAUSE = 10.0
LONG_LIFE = 20.0  # seconds; a program that ran longer is started again at once
STARTS_BEFORE_READY = 3
_LINES_KEPT = 2  # the cause of an end is in the last ones; those before are a server's greeting
_LINE_SHOWN = 200  # characters


@dataclass(frozen=True)
class Program:
    """A program to keep running."""

    name: str
    command: Sequence[str]
    grace: float  # seconds from SIGTERM to SIGKILL
    environment: dict[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()  # that it inherits
    # Returns once it can be used.
    ready: Callable[[], Coroutine[Any, Any, None]] = lambda: asyncio.sleep(0)
    ours: bool = True  # others do not watch the lifeline, and do not log as we do


class ProgramRunner:
    """One program and its present process."""

    def __init__(self, program: Program, lifeline: Lifeline) -> None:
        self.program = program
        self._lifeline = lifeline
        self._process: asyncio.subprocess.Process | None = None
        self._reaper: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._last_lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._ending = asyncio.Event()
        self._ready = False

    async def start(self) -> None:
        """Start the program and wait until it is ready. Raises MillraceError if it never is."""
        self._task = asyncio.create_task(self._keep())
        ready = asyncio.create_task(self.program.ready())
        try:
            await asyncio.wait([self._task, ready], return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self._task
            await ready
            self._ready = True
        finally:
            ready.cancel()

    async def end(self) -> None:
        """End the program: SIGTERM first, SIGKILL after its grace period."""
        self._ending.set()
        if self._task is None:
            return
        self._terminate()
        done, _ = await asyncio.wait([self._task], timeout=self.program.grace)
        if not done and self._process is not None:
            log.warning("child.killed", child=self.program.name, grace=self.program.grace)
            _kill_group(self._process.pid)
        await asyncio.gather(self._task, return_exceptions=True)

    def _terminate(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def _keep(self) -> None:
        pause, starts = SHORTEST_PAUSE, 0
        while not self._ending.is_set():
            started, starts = time.monotonic(), starts + 1
            try:
                code: int | str = await self._run_once()
            except OSError as error:  # no memory or no more processes: later, perhaps
                code = str(error)
            if self._ending.is_set():
                return
            if not self._ready and starts >= STARTS_BEFORE_READY:
                reason = f": {' | '.join(self._last_lines)}" if self._last_lines else ""
                raise MillraceError(
                    f"{self.program.name} does not start (it ended with {code}){reason}"
                )
            lived = time.monotonic() - started
            pause = SHORTEST_PAUSE if lived > LONG_LIFE else min(pause * 2, LONGEST_PAUSE)
            log.warning(
                "child.died",
                child=self.program.name,
                code=code,
                again_in=round(pause, 1),
                **({"said": " | ".join(self._last_lines)} if self._last_lines else {}),
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _run_once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *self.program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr if self.program.ours else asyncio.subprocess.PIPE,
            pass_fds=(self._lifeline.reader, *self.program.descriptors),
            env={
                **os.environ,
                **self.program.environment,
                LIFELINE: str(self._lifeline.reader),
                PROCESS_VARIABLE: self.program.name,
            },
            start_new_session=True,
        )
        if self._ending.is_set():
            self._terminate()  # `end` came while it was being started
        pid = self._process.pid
        log.info("child.started", child=self.program.name, pid=pid)
        if not self.program.ours:
            self._reaper = await self._lifeline.reaper(pid)
            await self._read_output(self._process)
        code = await self._process.wait()
        _kill_group(pid)
        await self._dismiss_reaper()
        return code

    async def _read_output(self, process: asyncio.subprocess.Process) -> None:
        """Keep the last lines of a foreign program, to be reported when it dies."""
        assert process.stdout is not None  # noqa: S101 - a pipe, see above
        self._last_lines.clear()
        while piece := await process.stdout.read(8192):
            lines = piece.decode("utf-8", "replace").splitlines()
            self._last_lines.extend(line[:_LINE_SHOWN] for line in lines)

    async def _dismiss_reaper(self) -> None:
        reaper, self._reaper = self._reaper, None
        if reaper is not None:
            with contextlib.suppress(ProcessLookupError):
                reaper.kill()
            await reaper.wait()


async def supervise(
    stages: Sequence[Sequence[Program]], stop: asyncio.Event, up: Callable[[], None]
) -> None:
    """Start the stages in order, each when the one before is ready; end them in reverse order.

    `up` is called when all are ready. Returns when `stop` is set and all programs have ended.
    """
    lifeline = Lifeline()
    keepers = [[ProgramRunner(program, lifeline) for program in stage] for stage in stages]
    stopping = asyncio.create_task(stop.wait())
    starting = asyncio.create_task(_start_in_order(keepers))
    try:
        await asyncio.wait([stopping, starting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            up()
            await stopping
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        for stage in reversed(keepers):
            await asyncio.gather(*(keeper.end() for keeper in stage))
        lifeline.close()


async def _start_in_order(keepers: Sequence[Sequence[ProgramRunner]]) -> None:
    for stage in keepers:
        await asyncio.gather(*(keeper.start() for keeper in stage))


def _kill_group(pid: int) -> None:
    """End the processes that a child left behind: its process group has its id."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
