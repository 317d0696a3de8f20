"""Very many sources do not hold an answer about the store up."""

import pytest

from core.config.settings import Settings, Source
from service.ops import health as census
from service.ops.health import Census
from store import keys
from store.connection import Store
from store.sources import SourceState
from tests.until import until


async def test_many_sources_are_counted_beside_the_answer(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(census, "FEW", 2)
    sources = tuple(Source(url=f"https://example.org/{n}", name=f"s{n}") for n in range(5))
    settings = Settings(sources=sources)
    for source in sources:
        failures = 1 if source.name == "s3" else 0
        state = SourceState(url=source.url, configured_url=source.url, failures=failures)
        await store.redis.hset(keys.source(source.name), "state", state.model_dump_json())
    counting = Census(lambda state: state.failures > 0)

    first = await counting.counted(store, settings)
    await until(lambda: counting._last.ok > 0)
    second = await counting.counted(store, settings)

    assert first.ok == 0
    assert second.ok == 4
    assert [name for name, _ in second.failing] == ["s3"]
