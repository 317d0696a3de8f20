"""Actions need the token, whatever a browser brings along by itself."""

from __future__ import annotations

import base64

import pytest

from core.settings import ServiceSettings
from store.schedule import add_sources, due_times
from tests.service.conftest import SETTINGS, Serve, Served

BEARER = {"Authorization": "Bearer t0ken"}


@pytest.fixture
async def acting(serve: Serve) -> Served:
    served = await serve(SETTINGS.model_copy(update={"service": ServiceSettings(token="t0ken")}))
    await add_sources(served.store, ["first", "second"], spacing=3600)
    return served


async def test_a_source_is_due_at_once_when_asked_with_the_token(acting: Served) -> None:
    answer = await acting.client.post("/sources/second/poll", headers=BEARER)

    assert answer.status == 202
    assert await due_times(acting.store, ["second"]) == [0]


async def test_the_token_may_come_in_the_form(acting: Served) -> None:
    answer = await acting.client.post("/sources/second/poll", data={"token": "t0ken"})

    assert answer.status == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic " + base64.b64encode(b"me:t0ken").decode()},
    ],
)
async def test_without_the_token_nothing_happens(acting: Served, headers: dict[str, str]) -> None:
    answer = await acting.client.post("/sources/second/poll", headers=headers)

    assert answer.status == 403
    assert await due_times(acting.store, ["second"]) != [0]


async def test_actions_are_off_where_no_token_is_set(served: Served) -> None:
    answer = await served.client.post("/sources/first/poll", headers=BEARER)

    assert answer.status == 403


async def test_a_get_changes_nothing(acting: Served) -> None:
    answer = await acting.client.get("/sources/second/poll", headers=BEARER)

    assert answer.status == 404
    assert await due_times(acting.store, ["second"]) != [0]


async def test_an_unknown_source_is_not_found(acting: Served) -> None:
    answer = await acting.client.post("/sources/unknown/poll", headers=BEARER)

    assert answer.status == 404
