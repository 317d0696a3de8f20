"""Counters of many workers meet in the store."""

from store.connection import Store
from store.monitoring import Counts, read_counters


async def test_counts_of_two_workers_add_up(store: Store):
    for _ in range(2):
        counts = Counts()
        counts.add("millrace_polls_total", outcome="ok")
        counts.observe("millrace_fetch_seconds", 0.3, (0.1, 0.5, 1))
        await counts.write(store)

    counters = await read_counters(store)

    assert counters['millrace_polls_total{outcome="ok"}'] == 2
    assert counters['millrace_fetch_seconds_bucket{le="0.5"}'] == 2
    assert counters['millrace_fetch_seconds_bucket{le="0.1"}'] == 0
    assert counters["millrace_fetch_seconds_count"] == 2
