"""Work on strangers' documents in child processes that can be killed.

`await sandbox.run(function, *args)` gives the function's result; it raises ResourceLimit when the
child took too much time or memory. A thread could not be stopped: it holds the interpreter's
lock, and the regular expression that hangs it never looks up.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from functools import partial
from math import ceil
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import WeakSet

from pebble import CONSTS, ProcessExpired, ProcessPool

from core.errors import DocumentError, MillraceError, ResourceLimit

CPU_SECONDS = 5.0  # of one call
WALL_FACTOR = 4.0  # a busy machine may take this much longer by the clock
MEMORY = 512 * 2**20  # bytes of data in one child
CALLS = 2000  # after which a child is replaced, so that what leaked ends
PRELOADED = ["core.parse", "core.road", "core.extract", "core.clean", "core.robots"]
_OUT_OF_MEMORY = 71  # exit code of a child

R = TypeVar("R")

# Pebble waits three seconds between asking and killing; our children hold nothing worth that.
CONSTS.term_timeout = 0.1


class Call(NamedTuple, Generic[R]):
    """What a child is to do."""

    function: Callable[[], R]
    cpu_seconds: float


class Sandbox:
    """A few children, each a pool of its own, so that a stuck one holds up no other."""

    def __init__(self, *, children: int | None = None, memory: int = MEMORY) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads' stacks count as data
        self._memory = memory
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        count = children or 1 + min(4, os.cpu_count() or 1)
        self._pools = [self._pool() for _ in range(count)]
        self._slow = asyncio.Semaphore(max(1, count - 1))
        self._started: WeakSet[ProcessPool] = WeakSet()
        self._idle: asyncio.LifoQueue[ProcessPool] = asyncio.LifoQueue()
        for pool in self._pools:
            self._idle.put_nowait(pool)

    async def start(self) -> None:
        """Start the children now rather than at the first document."""
        await asyncio.gather(*(self.run(os.getpid, timeout=60) for _ in self._pools))

    async def close(self) -> None:
        """End all children, at work or not, within two seconds."""
        await asyncio.gather(*(asyncio.to_thread(_stop, pool) for pool in self._pools))

    async def run(
        self,
        function: Callable[..., R],
        *args: Any,
        timeout: float = CPU_SECONDS,  # noqa: ASYNC109  of CPU, which no caller can measure
        slow: bool = False,
        **named: Any,
    ) -> R:
        """What `function(*args, **named)` gives in a child, within `timeout` seconds of CPU.

        Calls that may well be `slow` leave one child free for the others. Raises ResourceLimit,
        an error of ours that the function raised, or DocumentError that names any other.
        """
        call = Call(partial(function, *args, **named), timeout)
        async with self._slow if slow else nullcontext():
            return await self._run(call)

    async def _run(self, call: Call[R]) -> R:
        pool = await self._idle.get()
        try:
            try:
                return await self._run_in(pool, call)
            except BrokenProcessPool:  # its child was killed while idle, by a person or the system
                pool = self._replace(pool)
                return await self._run_in(pool, call)
        except BrokenProcessPool as error:
            pool = self._replace(pool)
            raise ResourceLimit(f"the child broke: {error}") from error
        finally:
            self._idle.put_nowait(pool)

    async def _run_in(self, pool: ProcessPool, call: Call[R]) -> R:
        wall = call.cpu_seconds * WALL_FACTOR
        future = await self._schedule(pool, call, wall)
        try:
            async with asyncio.timeout(wall + 5):
                result: R = await asyncio.wrap_future(future)
                return result
        except TimeoutError as error:
            raise ResourceLimit(f"stopped after {wall:g} seconds") from error
        except ProcessExpired as error:
            raise ResourceLimit(_reason(error.exitcode, call.cpu_seconds)) from error

    async def _schedule(self, pool: ProcessPool, call: Call[R], wall: float) -> Future[R]:
        try:
            if pool in self._started:
                return pool.schedule(_bounded, args=[call], timeout=wall)
            self._started.add(pool)  # starting its child takes a moment: not on this thread
            return await asyncio.to_thread(pool.schedule, _bounded, args=[call], timeout=wall)
        except RuntimeError as error:
            raise BrokenProcessPool("the pool has ended") from error

    def _pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            max_tasks=CALLS,
            initializer=_confine,
            initargs=(self._memory,),
            context=self._context,
        )

    def _replace(self, broken: ProcessPool) -> ProcessPool:
        fresh = self._pool()
        self._pools[self._pools.index(broken)] = fresh
        asyncio.get_running_loop().run_in_executor(None, _stop, broken)
        return fresh


def _reason(code: int | None, timeout: float) -> str:
    if code == -signal.SIGXCPU:
        return f"stopped after {timeout:g} seconds of CPU"
    if code == _OUT_OF_MEMORY:
        return "stopped at its memory limit"
    return f"the child ended with {code}"


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _confine(memory: int) -> None:
    """Runs first in each child."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bounded(call: Call[R]) -> R:
    """Runs in the child: the call under its CPU limit, with errors that survive the way back."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = ceil(used.ru_utime + used.ru_stime + call.cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    try:
        return call.function()
    except MillraceError:
        raise
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)  # what it holds is best given back whole
    except Exception as error:  # noqa: BLE001  libraries raise anything; some cannot be pickled
        raise DocumentError(f"{type(error).__name__} in {_where(error)}: {error}"[:300]) from None
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _where(error: BaseException) -> str:
    """File and line that raised, for whoever looks for the fault."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
