"""How the service starts and ends: readiness goes first, nobody under way is cut off."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from core.config.settings import Settings
from service.app import run_service
from store.connection import Store


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


async def ready(session: aiohttp.ClientSession, root: str) -> int:
    async with session.get(f"{root}/health/ready") as answer:
        return answer.status


async def until_ready(session: aiohttp.ClientSession, root: str, status: int) -> None:
    while await ready(session, root) != status:  # noqa: ASYNC110 - over HTTP there is no event
        await asyncio.sleep(0.01)


async def test_readiness_goes_before_the_door_closes(store: Store, listener: socket.socket) -> None:
    stop, settings = asyncio.Event(), Settings()
    root = f"http://127.0.0.1:{listener.getsockname()[1]}"
    service = asyncio.create_task(
        run_service(store, lambda: settings, stop=stop, drain=1.0, listener=listener)
    )
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        await until_ready(session, root, 200)
        async with session.get(f"{root}/stream") as stream:
            await stream.content.readuntil(b"\n\n")

            stop.set()
            await until_ready(session, root, 503)
            async with (
                session.get(f"{root}/feed.xml") as feed,
                session.get(f"{root}/health/live") as live,
            ):
                statuses = (feed.status, live.status)
            rest = await stream.content.read()
        await service

    assert statuses == (200, 200)
    assert rest == b""
