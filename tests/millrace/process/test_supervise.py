"""What dies is started again, and all end together, however the supervisor ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from core.errors import MillraceError
from millrace.process.supervise import Program, supervise
from tests.until import until

# Writes its number, says so, and waits; on SIGTERM it writes "ended".
CHILD = """
import os, pathlib, signal, sys
place = pathlib.Path(sys.argv[1])
def end(*_):
    (place / "ended").write_text("x")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
(place / f"{os.getpid()}.pid").touch()
signal.pause()
"""


def child(place: Path, **options: object) -> Program:
    place.mkdir(exist_ok=True)
    command = [sys.executable, "-c", CHILD, str(place)]
    return Program(name=place.name, command=command, grace=5, **options)  # type: ignore[arg-type]


def pids(place: Path) -> list[int]:
    return sorted(int(path.stem) for path in place.glob("*.pid"))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or " Z " not in Path(
        f"/proc/{pid}/stat"
    ).read_text(errors="replace")


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[asyncio.Event]]]:
    """Starts a supervisor inside the test; gives the event that ends it."""
    running: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def starting(*stages: list[Program]) -> asyncio.Event:
        stop, up = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(supervise(stages, stop, up.set))
        running.append((task, stop))
        await asyncio.wait(
            [task, asyncio.create_task(up.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        return stop

    yield starting
    for task, stop in running:
        stop.set()
        await task


async def test_a_killed_child_is_started_again(
    tmp_path: Path, start: Callable[..., Awaitable[asyncio.Event]]
) -> None:
    await start([child(tmp_path / "a")])
    await until(lambda: len(pids(tmp_path / "a")) == 1)

    os.kill(pids(tmp_path / "a")[0], signal.SIGKILL)

    await until(lambda: len(pids(tmp_path / "a")) == 2)


async def test_children_are_asked_to_end_and_do(tmp_path: Path) -> None:
    stop, up = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(supervise([[child(tmp_path / "a")]], stop, up.set))
    await until(lambda: len(pids(tmp_path / "a")) == 1)

    stop.set()
    await task

    assert (tmp_path / "a" / "ended").exists()
    assert not alive(pids(tmp_path / "a")[0])


async def test_a_child_that_ignores_the_asking_is_ended_by_force(tmp_path: Path) -> None:
    deaf = "import signal, pathlib, os, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    deaf += "pathlib.Path(sys.argv[1], f'{os.getpid()}.pid').touch(); signal.pause()"
    stop = asyncio.Event()
    program = Program("deaf", [sys.executable, "-c", deaf, str(tmp_path)], grace=0.2)
    task = asyncio.create_task(supervise([[program]], stop, lambda: None))
    await until(lambda: len(pids(tmp_path)) == 1)

    stop.set()
    await task

    assert not alive(pids(tmp_path)[0])


async def test_the_second_stage_waits_for_the_first(
    tmp_path: Path, start: Callable[..., Awaitable[asyncio.Event]]
) -> None:
    seen: list[str] = []

    async def first_is_ready() -> None:
        await until(lambda: len(pids(tmp_path / "first")) == 1)
        seen.append(f"second had {len(pids(tmp_path / 'second'))}")

    await start([child(tmp_path / "first", ready=first_is_ready)], [child(tmp_path / "second")])

    await until(lambda: len(pids(tmp_path / "second")) == 1)
    assert seen == ["second had 0"]


async def test_a_program_that_never_starts_is_an_error(tmp_path: Path) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    broken = Program("broken", [sys.executable, "-c", "raise SystemExit(3)"], 1, ready=never)

    with pytest.raises(MillraceError, match=r"broken does not start \(it ended with 3\)"):
        await supervise([[broken]], asyncio.Event(), lambda: None)


async def test_a_program_that_cannot_be_started_is_an_error() -> None:
    missing = Program("missing", ["/nowhere/at/all"], grace=1, ready=asyncio.Event().wait)  # type: ignore[arg-type]

    with pytest.raises(MillraceError, match="missing does not start"):
        await supervise([[missing]], asyncio.Event(), lambda: None)


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from millrace.process.supervise import supervise
from tests.millrace.process.test_supervise import child, Program
place = Path(sys.argv[1])
stranger = Program("stranger", ["sleep", "1000"], grace=1, ours=False)
ours = Program("ours", [sys.executable, "-c", '''
import asyncio, os, pathlib, sys
from millrace.process.lifetime import stop_event
async def main():
    stop = stop_event()
    pathlib.Path(sys.argv[1], f"{os.getpid()}.pid").touch()
    await stop.wait()
asyncio.run(main())
''', str(place)], grace=5)
asyncio.run(supervise([[stranger], [ours]], asyncio.Event(), lambda: None))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for the children")
async def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(tmp_path)), stderr=asyncio.subprocess.DEVNULL
    )
    await until(lambda: len(pids(tmp_path)) == 1)
    children = _children(supervisor.pid)

    supervisor.kill()
    await supervisor.wait()

    assert len(children) == 3  # a stranger, its reaper, one of ours
    await until(lambda: not any(alive(pid) for pid in children))


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found
