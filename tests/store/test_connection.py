"""Whatever a lost connection raises is one thing to wait for; other faults stay what they are."""

from __future__ import annotations

import asyncio

import pytest
from redis import exceptions

from core.errors import StoreAway, StoreError
from store.connection import end_tasks, store_errors

# As asyncio does from Python 3.12 on when it writes to a connection that was just lost.
_TORN = compile("lost = None\nlost()", "/usr/lib/python3/asyncio/selector_events.py", "exec")


def test_a_write_to_a_lost_connection_means_that_the_store_is_away() -> None:
    with pytest.raises(StoreAway), store_errors():
        exec(_TORN)  # noqa: S102 - the fault has to come from that file


def test_a_closed_handler_means_that_the_store_is_away() -> None:
    with pytest.raises(StoreAway), store_errors():
        raise RuntimeError("unable to perform operation on <T closed=True>; the handler is closed")


@pytest.mark.parametrize("fault", [TypeError("wrong argument"), RuntimeError("a fault of ours")])
def test_a_fault_of_ours_is_not_taken_for_it(fault: Exception) -> None:
    with pytest.raises(type(fault)), store_errors():
        raise fault


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (exceptions.ConnectionError("No master found for 'x'"), StoreAway, "start the sentinels"),
        (exceptions.TimeoutError("Timeout connecting to server"), StoreAway, "rediss://"),
        (exceptions.ResponseError("unknown command 'GET', with args"), StoreError, "sentinel"),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), StoreError,
         "point REDIS_URL at the primary"),
        (exceptions.NoPermissionError("User weak has no permissions to run the 'set' command"),
         StoreError, "ACL SETUSER"),
        (exceptions.InvalidResponse('Protocol error, got "H" as reply type byte'), StoreError,
         "no Redis or Valkey"),
        (exceptions.AuthenticationError("whatever"), StoreError, "REDIS_PASSWORD"),
        (exceptions.ConnectionError("Connection closed by server."), StoreAway, "start it, or"),
    ],
)  # fmt: skip
def test_each_refusal_says_what_to_correct(
    said: Exception, kind: type[StoreError], words: str
) -> None:
    with pytest.raises(kind) as refused, store_errors():
        raise said

    assert type(refused.value) is kind
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_task_that_loses_its_first_cancellation_ends_all_the_same() -> None:
    lost = asyncio.Event()

    async def forgetful() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(forgetful())
    await asyncio.sleep(0)

    await end_tasks([task])

    assert lost.is_set()
    assert task.cancelled()
