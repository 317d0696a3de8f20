"""Runs functions on untrusted documents in child processes that can be killed.

`await sandbox.run(function, *args)` returns the function's result, and raises ResourceLimit when
the child exceeds its time or memory. A thread could not be stopped: a regular expression that
hangs holds the interpreter lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import socket
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from multiprocessing import util
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from core.errors import DocumentError, MillraceError, Overdue, ResourceLimit
from workers.sandbox.fair import FairPlaces, Usage

WARMUP = "workers.sandbox.warmup"  # imported once, before children are forked
CPU_SECONDS = 5.0  # of one call
QUICK_SECONDS = 0.5  # of CPU, in which nearly every call is done
WORTH_TWO_TRIES = 4 * QUICK_SECONDS
WALL_FACTOR = 4.0  # wall-clock seconds per second of CPU on a busy machine
MEMORY = 512 * 2**20  # bytes of data in one child
CALLS = 2000  # after which a child is replaced, so that leaks have an end
_BUFFER = 2**20  # bytes of an answer that are buffered
_REAP_SECONDS = 2.0
OUT_OF_MEMORY = 71  # exit code
LONGEST_FOLDER = 50  # letters, so that the path of a unix socket below it fits into 107
HEAD = 8  # bytes before an answer that state its length

R = TypeVar("R")


class Call(NamedTuple):
    """A function call for a child."""

    function: Callable[[], Any]
    cpu_seconds: float


class Answer(NamedTuple):
    """The result of a call: a value, or the error that was raised."""

    value: Any
    error: MillraceError | None


class Sandbox:
    """A few child processes, each with one call at a time."""

    def __init__(self, *, children: int | None = None, memory: int = MEMORY) -> None:
        _claim_folder()
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads' stacks count as data
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([WARMUP])  # no error if there is no such module
        count = children or 1 + min(4, os.cpu_count() or 1)
        starting = asyncio.Lock()
        self._children = [_Child(context, memory, starting) for _ in range(count)]
        self._idle = list(self._children)
        self._usage = Usage()
        self._places = FairPlaces(count, self._usage)
        # A dozen documents made to use up their time would occupy all children. So calls first get
        # a short limit; those that exceed it are repeated with the full limit, one at a time.
        self._again = FairPlaces(1, self._usage)

    async def start(self) -> None:
        """Start the children now rather than at the first document."""
        for child in self._children:
            await child.start()

    async def close(self) -> None:
        """End all children, idle or not, within two seconds."""
        await asyncio.gather(*(child.stop() for child in self._children))

    async def run(
        self,
        function: Callable[..., R],
        *args: Any,
        timeout: float = CPU_SECONDS,  # noqa: ASYNC109  of CPU, which no caller can measure
        on_behalf: str = "",
        **named: Any,
    ) -> R:
        """The result of `function(*args, **named)` in a child, within `timeout` seconds of CPU.

        `on_behalf` is the address of the source: of the waiting calls, that of the source which
        used the least time lately is next. Raises ResourceLimit (Overdue when only the wall-clock
        time ran out: a retry may succeed), a MillraceError that the function raised, or
        DocumentError for any other error.
        """
        call, wall = partial(function, *args, **named), timeout * WALL_FACTOR
        quick = QUICK_SECONDS if timeout > WORTH_TWO_TRIES else timeout
        try:
            answer = await self._answer(Call(call, quick), wall, on_behalf)
        except ResourceLimit:
            if quick == timeout:
                raise
            async with self._again.place(on_behalf):
                answer = await self._answer(Call(call, timeout), wall, on_behalf)
        if answer.error is not None:
            try:
                raise answer.error
            finally:
                del answer  # else the traceback keeps this frame, and the document, in memory
        result: R = answer.value
        return result

    async def _answer(self, call: Call, wall: float, source: str) -> Answer:
        async with self._places.place(source):
            child = self._idle.pop()
            try:
                await child.ready()  # not charged: mostly another source's call ended the last one
                with self._usage.charged(source):
                    return await _ask(child, call, wall)
            finally:
                self._idle.append(child)


@cache
def _claim_folder() -> int | None:
    """Put the socket of multiprocessing's fork server into a locked folder of this process.

    Folders of killed processes are removed, recognised by their free locks: containers that share
    a folder have the same process ids.
    """
    usual = tempfile.gettempdir()
    if len(usual) > LONGEST_FOLDER:
        return None
    for lock in Path(usual).glob("millrace-fork-*/lock"):
        with suppress(OSError), lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="millrace-fork-"))
    util.Finalize(None, shutil.rmtree, (folder, True), exitpriority=-101)  # after its own, -100
    held = os.open(folder / "new", os.O_CREAT | os.O_WRONLY)  # open for the process's lifetime
    fcntl.flock(held, fcntl.LOCK_EX)
    (folder / "new").rename(folder / "lock")  # so that it never exists without being locked
    tempfile.tempdir = str(folder)
    util.get_temp_dir()
    tempfile.tempdir = usual
    return held


async def _ask(child: _Child, call: Call, wall: float) -> Answer:
    try:
        try:
            return await child.ask(call, wall)
        except _Ended as ended:
            if ended.code != -signal.SIGKILL:
                raise
            return await child.ask(call, wall)  # somebody killed it, probably while it was idle
    except TimeoutError as error:
        raise Overdue("stopped after {seconds} seconds", seconds=f"{wall:g}") from error
    except _Ended as error:
        raise _limit(error.code, call.cpu_seconds) from error


def _limit(code: int | None, seconds: float) -> ResourceLimit:
    if code == -signal.SIGPROF:
        return ResourceLimit("stopped after {seconds} seconds of CPU", seconds=f"{seconds:g}")
    if code == OUT_OF_MEMORY:
        return ResourceLimit("stopped at its memory limit")
    return ResourceLimit("the process that read it ended with {code}", code=str(code))


class _Ended(Exception):
    """The child ended before it answered."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the child ended with {code}")
        self.code = code


class _Child:
    """A process that answers one call at a time; it is started again when it has ended."""

    def __init__(self, context: ForkServerContext, memory: int, starting: asyncio.Lock) -> None:
        self._context = context
        self._memory = memory
        self._starting = starting  # multiprocessing's process table is not thread-safe
        self._process: ForkServerProcess | None = None
        self._asked = 0

    async def ready(self) -> None:
        """Start the process if it has ended or answered enough calls."""
        if self._process is not None and self._asked >= CALLS:
            self._kill()
        if self._process is None:
            await self.start()

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        arguments = (theirs, self._memory)
        try:
            with theirs:
                process = self._context.Process(target=serve, args=arguments, daemon=True)
                async with self._starting:  # in a thread, because starting blocks
                    await asyncio.to_thread(process.start)
            streams = await asyncio.open_unix_connection(sock=ours, limit=_BUFFER)
        except BaseException:  # also cancellation: the child ends when its socket is closed
            ours.close()
            raise
        self._answers, self._calls = streams
        self._process, self._asked = process, 0

    async def ask(self, call: Call, wall: float) -> Answer:
        """The answer to a call. Else the child is killed: TimeoutError (`wall` s), or _Ended."""
        await self.ready()
        self._asked += 1
        answer = None
        try:
            async with asyncio.timeout(wall):
                answer = await self._exchange(call)
            return answer
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise _Ended(await self._exit_code()) from error
        finally:
            if answer is None:
                self._kill()

    async def _exchange(self, call: Call) -> Answer:
        self._calls.write(pickle.dumps(call))
        await self._calls.drain()
        size = int.from_bytes(await self._answers.readexactly(HEAD), "big")
        answer: Answer = pickle.loads(await self._answers.readexactly(size))  # noqa: S301 - our child
        return answer

    async def stop(self) -> None:
        process = self._process
        self._kill()
        if process is not None:
            await asyncio.to_thread(process.join, _REAP_SECONDS)

    async def _exit_code(self) -> int | None:
        process = self._process
        if process is None:
            return None
        async with self._starting:
            await asyncio.to_thread(process.join, _REAP_SECONDS)
        return process.exitcode

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._calls.close()
            self._process = None


def serve(connection: socket.socket, memory: int) -> None:
    """The main loop of a child: answer calls until the connection is closed.

    A call is a pickle; an answer is its length and a pickle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the worker ends its children
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with connection, connection.makefile("rb") as calls:
            while calls.peek(1):
                answer = pickle.dumps(_answer(pickle.load(calls)))  # noqa: S301 - our worker's
                connection.sendall(len(answer).to_bytes(HEAD, "big") + answer)
    except ConnectionError:
        return  # the worker has ended
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # unwinding would need memory


def _answer(call: Call) -> Answer:
    """The result of a call under its CPU limit, with errors in a form that can be pickled."""
    # The timer's signal has no handler, so it ends the child at once, also within a C library.
    # RLIMIT_CPU would count in whole seconds.
    signal.setitimer(signal.ITIMER_PROF, call.cpu_seconds)
    try:
        return Answer(call.function(), None)
    except MillraceError as error:
        return Answer(None, error)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  libraries raise anything; some cannot be pickled
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)}:{last.lineno}"
        fault = f"{type(error).__name__} in {place}: {error}"[:300]
        return Answer(None, DocumentError("it could not be read: {fault}", fault=fault))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
