"""An edit of `fetch` counts from the next request on."""

from __future__ import annotations

import pytest

from core.config.settings import FetchSettings
from core.errors import ForbiddenAddress
from store.connection import Store
from store.hosts import HostTurns
from tests.origin import Answer, Origin
from workers.http.client import Fetcher


async def test_the_next_request_is_made_under_the_new_settings(
    origin: Origin, store: Store
) -> None:
    url = origin.at("/feed", Answer("one"))
    before = FetchSettings.model_validate({"allow_private": [origin.allowance]})
    renamed = before.model_copy(update={"user_agent": "Another/1"})
    turns = HostTurns(store, before.per_host, timeout=before.timeout)

    async with Fetcher(before, turns=turns) as fetcher:
        await fetcher.get(url)
        fetcher.adopt(renamed)
        await fetcher.get(url)
        fetcher.adopt(FetchSettings())

        with pytest.raises(ForbiddenAddress):
            await fetcher.get(url)

    agents = [request.headers["user-agent"] for request in origin.asked("/feed")]
    assert agents == [before.user_agent, "Another/1"]
