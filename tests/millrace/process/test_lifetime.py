"""How a process ends that was asked to: in order, and in time even if it hangs."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from store.connection import Store
from tests.test_end_to_end import free_port

HANGING = """
import asyncio
from millrace.process.lifetime import stop_event
async def main():
    stop_event(cut_off=0.2)
    print("here", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_process_that_hangs_is_cut_off_in_time() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HANGING),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    await process.stdout.readline()

    process.terminate()

    assert await asyncio.wait_for(process.wait(), 10) == 1


@pytest.fixture
def root() -> str:
    return f"http://127.0.0.1:{free_port()}"


async def test_a_service_says_that_it_ends_while_it_still_answers(
    store: Store, root: str, tmp_path: Path
) -> None:
    config = tmp_path / "feeds.yaml"
    config.write_text("sources: []\n", encoding="utf-8")
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "millrace", "serve", "--config", str(config)),
        *("--port", root.rpartition(":")[2], "--redis", store.url),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            await _until(session, root, "/health/ready", 200)
            async with session.get(f"{root}/stream") as stream:  # a reader that stays
                service.send_signal(signal.SIGTERM)
                await _until(session, root, "/health/ready", 503)
                told = asyncio.get_running_loop().time()
                answers = [await _status(session, root, "/feed.xml")]
                while answers[-1] == 200:
                    await asyncio.sleep(0.02)
                    answered = asyncio.get_running_loop().time()
                    answers.append(await _status(session, root, "/feed.xml"))
                await stream.read()
        ended = await asyncio.wait_for(service.wait(), 10)
    finally:
        if service.returncode is None:
            service.kill()
            await service.wait()

    assert answered - told > 2  # a proxy that asks once a second has turned away by then
    assert set(answers[:-1]) == {200}
    assert answers[-1] is None
    assert ended == 0


async def _until(session: aiohttp.ClientSession, root: str, path: str, status: int) -> None:
    while await _status(session, root, path) != status:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.02)


async def _status(session: aiohttp.ClientSession, root: str, path: str) -> int | None:
    """None: nobody is there."""
    try:
        async with session.get(f"{root}{path}") as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientError:
        return None


LIMITED = """
import asyncio, resource
from millrace.process.lifetime import run_loop
async def main():
    return resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
print(*run_loop(main()))
"""


def test_the_limit_of_open_files_is_raised_to_what_is_allowed() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == ["512", "512"]
