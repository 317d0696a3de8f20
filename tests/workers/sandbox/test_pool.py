from __future__ import annotations

import asyncio
import contextlib
import gc
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DocumentError, NotAFeed, Overdue, ResourceLimit
from workers.sandbox.pool import WARMUP, Sandbox


def add(left: int, right: int) -> int:
    return left + right


def spin() -> None:
    while True:
        pass


def spin_in_c() -> None:
    re.match(r"(a+)+$", "a" * 40 + "b")


def swell() -> int:
    return len(bytes(2**30))


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def rest(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


class Unpicklable(Exception):
    def __init__(self, left: int, right: int) -> None:
        super().__init__(f"{left} and {right}")


def fail(kind: str) -> None:
    if kind == "ours":
        raise NotAFeed("no feed", ("https://a.example/feed",))
    raise Unpicklable(1, 2)


async def test_a_call_gives_its_result(sandbox: Sandbox) -> None:
    assert await sandbox.run(add, 1, 2) == 3


def is_warm() -> bool:
    return WARMUP in sys.modules


async def test_a_child_is_warm_from_its_start(sandbox: Sandbox) -> None:
    """Cold, its first document costs more CPU than a call may take, and the next child is cold."""
    assert await sandbox.run(is_warm)
    with contextlib.suppress(ResourceLimit):
        await sandbox.run(crash)
    assert await sandbox.run(is_warm)


async def test_errors_of_ours_come_back_whole_and_others_by_name(sandbox: Sandbox) -> None:
    with pytest.raises(NotAFeed) as caught:
        await sandbox.run(fail, "ours")
    assert caught.value.alternates == ("https://a.example/feed",)

    with pytest.raises(DocumentError, match=r"Unpicklable in test_pool.py:\d+: 1 and 2"):
        await sandbox.run(fail, "theirs")


class Document(str):
    """Text whose end can be seen."""


def refuse(document: Document) -> None:
    raise NotAFeed(f"{len(document)} characters")


async def test_a_document_that_is_refused_is_let_go_at_once(sandbox: Sandbox) -> None:
    document = Document("no feed")
    seen = weakref.ref(document)
    gc.disable()
    try:
        with contextlib.suppress(NotAFeed):
            await sandbox.run(refuse, document)
        del document

        assert seen() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("hog", [spin, spin_in_c])
async def test_a_call_that_does_not_end_is_stopped(
    sandbox: Sandbox, hog: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.sandbox.pool.WALL_FACTOR", 60.0)
    started = time.monotonic()

    with pytest.raises(ResourceLimit, match=r"stopped after .* of CPU") as caught:
        await sandbox.run(hog, timeout=1)  # type: ignore[arg-type]
    assert not isinstance(caught.value, Overdue)

    assert time.monotonic() - started < 30
    assert await sandbox.run(add, 1, 2) == 3


async def test_a_call_that_only_the_clock_stops_is_overdue(sandbox: Sandbox) -> None:
    with pytest.raises(Overdue, match=r"stopped after 0\.4 seconds"):
        await sandbox.run(rest, 60, timeout=0.1)

    assert await sandbox.run(add, 1, 2) == 3


async def test_a_call_that_takes_too_much_memory_is_stopped(sandbox: Sandbox) -> None:
    with pytest.raises(ResourceLimit, match="memory"):
        await sandbox.run(swell)

    assert await sandbox.run(add, 1, 2) == 3


async def test_a_child_that_crashes_takes_nobody_with_it(sandbox: Sandbox) -> None:
    with pytest.raises(ResourceLimit, match="ended with -11"):
        await sandbox.run(crash)

    assert await sandbox.run(add, 1, 2) == 3


async def test_a_child_that_was_killed_while_idle_is_replaced(sandbox: Sandbox) -> None:
    child = await sandbox.run(os.getpid)
    os.kill(child, signal.SIGKILL)

    for _ in range(3):
        assert await sandbox.run(add, 1, 2) == 3


def be_killed(times: int, folder: str) -> int:
    """End as by the system that is out of memory, in the first `times` calls."""
    calls = len(os.listdir(folder))
    Path(folder, str(calls)).touch()
    if calls < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return calls


@pytest.mark.parametrize(("times", "given"), [(1, 1), (9, None)])
async def test_a_child_that_is_killed_at_work_is_asked_again_but_not_for_ever(
    sandbox: Sandbox, tmp_path: Path, times: int, given: int | None
) -> None:
    call = sandbox.run(be_killed, times, str(tmp_path), timeout=1)
    if given is None:
        with pytest.raises(ResourceLimit, match="ended with -9"):
            await call
    else:
        assert await call == given

    assert len(os.listdir(tmp_path)) == 2
    assert await sandbox.run(add, 1, 2) == 3


async def test_the_loop_stays_awake_while_children_work(sandbox: Sandbox) -> None:
    work = asyncio.create_task(sandbox.run(spin, timeout=0.5))
    turns = 0

    while not work.done():
        await asyncio.sleep(0.01)
        turns += 1

    assert isinstance(work.exception(), ResourceLimit)
    assert turns > 10  # where the child's work holds up the loop, there is one


async def test_one_stuck_document_does_not_hold_up_the_others() -> None:
    sandbox = Sandbox(children=2)
    await sandbox.start()

    stuck = asyncio.create_task(sandbox.run(rest, 60, timeout=15, on_behalf="stuck"))
    started = time.monotonic()
    results = [await sandbox.run(add, n, n, on_behalf=f"{n}") for n in range(20)]

    assert results == [2 * n for n in range(20)]
    assert time.monotonic() - started < 30  # behind the stuck one they would wait for 60
    started = time.monotonic()
    stuck.cancel()
    await sandbox.close()
    assert time.monotonic() - started < 20


async def test_a_source_waits_for_one_of_those_that_use_up_their_time() -> None:
    """In order of arrival it waited for all of them: polls came 8.9 s late beside 24 sources."""
    sandbox = Sandbox(children=1)
    await sandbox.start()
    done: list[str] = []

    async def run(function: Callable[..., object], *args: object, of: str) -> None:
        with contextlib.suppress(ResourceLimit):
            await sandbox.run(function, *args, timeout=0.3, on_behalf=of)
        done.append(of)

    for number in range(3):  # what they used is known from here on
        await run(spin, of=f"hostile {number}")
    hostile = [asyncio.create_task(run(spin, of=f"hostile {n}")) for n in range(3)]
    await asyncio.sleep(0)
    # `add` of this module would cost a new child the import of pytest
    await asyncio.gather(*(run(operator.add, n, n, of="ordinary") for n in range(3)))

    assert done[4:7] == ["ordinary"] * 3
    await asyncio.gather(*hostile)
    await sandbox.close()


async def test_a_call_that_is_cancelled_frees_its_child(sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sandbox.run(rest, 60, timeout=15), 0.3)

    assert await asyncio.wait_for(sandbox.run(add, 1, 2), 3) == 3


PARENT = """
import asyncio, os
from workers.sandbox.pool import WARMUP, Sandbox

async def main():
    sandbox = Sandbox(children=1)
    print(await sandbox.run(os.getpid, timeout=60), flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_children_end_with_their_parent_even_if_it_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    deadline = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)  # between two looks at a process that is not ours to wait for
    assert not is_alive(child)


def test_the_folder_of_a_killed_worker_is_removed_by_the_next_one() -> None:
    """Each kill left a folder of multiprocessing in /tmp, and nothing removed it."""
    shared = Path(tempfile.mkdtemp())  # its path is short, as that of a socket must be
    variables = {**os.environ, "TMPDIR": str(shared)}
    found = []
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=variables
        ) as parent:
            assert parent.stdout is not None
            parent.stdout.readline()
            found.append([path.name for path in shared.iterdir()])
            parent.kill()

    assert [len(names) for names in found] == [1, 1, 1]
    assert found[0] != found[1] != found[2]
    shutil.rmtree(shared)


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
