"""With `service.private` nothing is read without the token, but what must be open."""

from __future__ import annotations

import re

import pytest

from core.config.settings import ServiceSettings, Settings
from service.ops.access import OPEN
from tests.service.conftest import Serve

PRIVATE = Settings(service=ServiceSettings(token="open sesame", private=True))


async def test_every_route_wants_the_token_or_is_named_as_open(serve: Serve) -> None:
    served = await serve(PRIVATE)
    routes = [
        (route.method, route.resource.canonical)
        for route in served.client.app.router.routes()
        if route.resource is not None and route.method in ("GET", "POST")
    ]

    refused, answered = set(), set()
    for method, path in routes:
        address = re.sub(r"\{[^}]*\}", "x", path)
        async with served.client.request(method, address) as answer:
            (refused if answer.status == 401 else answered).add(path)

    assert answered <= OPEN
    assert {"/feed.xml", "/stream", "/metrics", "/health", "/", "/hub", "/sources.opml"} <= refused
    assert {"/health/live", "/static/{name}", "/forget"} <= answered


@pytest.mark.parametrize("path", ["/feed.json", "/metrics", "/health", "/sources"])
async def test_a_reader_with_the_token_is_answered(serve: Serve, path: str) -> None:
    served = await serve(PRIVATE)

    for headers in ({"Authorization": "Bearer open sesame"}, None):
        async with served.client.get(path, headers=headers) as answer:
            assert (answer.status == 401) == (headers is None)


async def test_without_the_setting_nothing_is_asked_for(serve: Serve) -> None:
    served = await serve(Settings(service=ServiceSettings(token="open sesame")))

    async with served.client.get("/health") as answer:
        assert answer.status != 401
