"""What a poll leaves behind in the state of its source."""

from __future__ import annotations

import pytest

from core.config.settings import FetchSettings
from core.config.source import Source
from core.errors import BadStatus, Endless, MillraceError, ResourceLimit, TooLarge
from workers.jobs.source_state import after_answer, after_fault, first_state
from workers.sources.documents import Polled

SOURCE = Source(url="https://a.example/feed", name="a", every="15m")
FETCH = FetchSettings()
GOOD = Polled(status=304, url=SOURCE.url, feed=None)


def gaps_after(fault: MillraceError, *, good: int, times: int) -> list[float]:
    """The gaps after a fault that comes `times` times, with `good` answers between two."""
    state, gaps = first_state(SOURCE), list[float]()
    for _ in range(times):
        state, gap = after_fault(state, fault, SOURCE, FETCH, now=0.0, chance=0.0, version="1")
        gaps.append(gap)
        for _ in range(good):
            state, _ = after_answer(state, GOOD, SOURCE, FETCH, now=0.0, chance=0.0)
    return gaps


@pytest.mark.parametrize("fault", [Endless("slow"), TooLarge("bomb"), ResourceLimit("memory")])
def test_gaps_grow_where_good_answers_alternate_with_costly_ones(fault: MillraceError) -> None:
    gaps = gaps_after(fault, good=1, times=12)

    assert gaps == sorted(gaps)
    assert gaps[-1] >= 8 * gaps[0]


def test_one_costly_answer_in_five_and_a_busy_server_are_forgiven() -> None:
    assert len(set(gaps_after(TooLarge("bomb"), good=4, times=12))) == 1
    assert len(set(gaps_after(BadStatus(503, "a.example"), good=1, times=12))) == 1
