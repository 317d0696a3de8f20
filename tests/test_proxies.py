"""The proxy files of deploy/, as shipped, before two services that are restarted in turn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from store.connection import Store
from tests.service.conftest import make_story, put
from tests.test_end_to_end import free_port

DEPLOY = Path(__file__).parents[1] / "deploy"
REQUESTS = 480
FOR_LONG = aiohttp.ClientTimeout(total=None)
PATHS = ("/feed.xml", "/feed.json", "/", "/health/live")


def nginx(folder: Path, text: str) -> list[str]:
    """Its command: the shipped file inside of the least that nginx needs around it."""
    places = "client_body proxy fastcgi uwsgi scgi".split()
    own = "".join(f"{name}_temp_path {folder}/{name};" for name in places)
    whole = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} "
    (folder / "nginx.conf").write_text(f"{whole} http {{ access_log off; {own}\n{text}\n}}")
    return ["nginx", "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]


def haproxy(folder: Path, text: str) -> list[str]:
    """Its command."""
    (folder / "haproxy.cfg").write_text(text)
    return ["haproxy", "-f", f"{folder}/haproxy.cfg"]


PROXIES = {"nginx.conf": nginx, "haproxy.cfg": haproxy}


def with_ports(text: str, ports: list[int]) -> str:
    """A shipped file that listens at the first port and goes to services at the others."""
    text = text.replace("listen 80;", f"listen 127.0.0.1:{ports[0]};")
    text = text.replace("bind :80\n", f"bind 127.0.0.1:{ports[0]}\n")
    for number, port in enumerate(ports[1:], 8081):
        text = text.replace(f"127.0.0.1:{number}", f"127.0.0.1:{port}")
    return text


async def start(*command: str, **variables: str) -> Process:
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command, stdout=quiet, stderr=quiet, env={**os.environ, **variables}
    )


async def end(process: Process) -> None:
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.wait(), 20)


async def until_answers(session: aiohttp.ClientSession, url: str) -> None:
    """Return once a GET of it is answered with 200."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


async def ask(
    session: aiohttp.ClientSession, base: str, found: Counter[str], done: asyncio.Event
) -> None:
    """A reader: one request after the other, each counted by what came of it."""
    while found.total() < REQUESTS or not done.is_set():
        path = PATHS[found.total() % len(PATHS)]
        try:
            async with session.get(base + path) as answer:
                await answer.read()
                found[str(answer.status)] += 1
        except aiohttp.ClientError as error:
            found[type(error).__name__] += 1
        await asyncio.sleep(0.05)


async def follow(session: aiohttp.ClientSession, base: str, found: Counter[str]) -> None:
    """A reader of /stream that is back at once whenever it ends."""
    while True:
        with contextlib.suppress(aiohttp.ClientError):  # it may break off: its reader resumes
            async with session.get(base + "/stream", timeout=FOR_LONG) as answer:
                found["later" if "Retry-After" in answer.headers else str(answer.status)] += 1
                await answer.read()
        await asyncio.sleep(0.05)


async def test_two_services_restart_in_turn_and_no_request_fails(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    """With the files as they were, 72 of 480 requests were not answered with 200."""
    installed = [name for name in PROXIES if shutil.which(name.partition(".")[0])]
    await put(store, make_story(1), make_story(2))
    config = tmp_path / "feeds.yaml"
    config.write_text("sources: [{url: 'http://first.example/rss', name: first}]\n")
    ports = [free_port(), free_port()]

    async def serve(port: int) -> Process:
        command = [sys.executable, "-m", "millrace", "serve", "--config", str(config)]
        return await start(*command, "--port", str(port), REDIS_URL=store_url)

    done = asyncio.Event()
    services = [await serve(port) for port in ports]
    async with aiohttp.ClientSession() as session:
        for port in ports:
            await until_answers(session, f"http://127.0.0.1:{port}/health/ready")
        readers = [await read_through(session, name, tmp_path, ports, done) for name in installed]
        for place, port in enumerate(ports):
            await end(services[place])
            services[place] = await serve(port)
            await until_answers(session, f"http://127.0.0.1:{port}/health/ready")
        done.set()
        found = await asyncio.gather(*readers)
    for service in services:
        await end(service)

    for asked, streams in found:
        assert asked.keys() == {"200"}, asked
        assert asked["200"] >= REQUESTS
        # Between the check that finds one service ready and the restart of the other, both may
        # send new readers of /stream away.
        assert streams.keys() <= {"200", "later"}, streams
        assert streams["200"] >= 2  # the one that it followed was restarted
    missing = PROXIES.keys() - installed
    if missing:
        pytest.skip(f"not tried, the program is not installed here: {', '.join(missing)}")


async def read_through(
    session: aiohttp.ClientSession, name: str, folder: Path, ports: list[int], done: asyncio.Event
) -> asyncio.Task[tuple[Counter[str], Counter[str]]]:
    """Readers behind one proxy, once it answers; what they got, by status."""
    port, asked, streams = free_port(), Counter[str](), Counter[str]()
    text = with_ports((DEPLOY / name).read_text(encoding="utf-8"), [port, *ports])
    proxy = await start(*PROXIES[name](folder, text))
    base = f"http://127.0.0.1:{port}"
    await until_answers(session, f"{base}/health/ready")

    async def read() -> tuple[Counter[str], Counter[str]]:
        following = asyncio.create_task(follow(session, base, streams))
        await asyncio.gather(*(ask(session, base, asked, done) for _ in range(4)))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await end(proxy)
        return asked, streams

    return asyncio.create_task(read())
