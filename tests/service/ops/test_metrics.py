"""/metrics is Prometheus text that a parser of its own reads, and every name is documented."""

from __future__ import annotations

import re
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from core.metrics import METRICS, STEP_BUCKETS
from service.context import CONTEXT
from service.ops.metrics import exposition
from store import keys
from store.monitoring import Counts
from store.sources import SourceState, dump_source
from tests.service.conftest import Served, make_story

ROOT = Path(__file__).parents[3]
_NAME = re.compile(r"\bmillrace_[a-z_]+\b")


async def test_what_workers_count_is_shown(served: Served) -> None:
    counts = Counts()
    counts.add("millrace_polls_total", 3, outcome="new")
    counts.add("millrace_pages_total", 1, outcome='a "quoted"\nreason \\')
    counts.observe("millrace_extract_seconds", 0.004, STEP_BUCKETS)
    counts.observe("millrace_extract_seconds", 99, STEP_BUCKETS)
    await counts.write(served.store)
    await served.publish(make_story(1))

    response = await served.client.get("/metrics")
    families = {f.name: f for f in text_string_to_metric_families(await response.text())}

    assert families["millrace_polls"].samples[0].value == 3
    assert families["millrace_pages"].samples[0].labels["outcome"] == 'a "quoted"\nreason \\'
    assert families["millrace_stories"].samples[0].value == 1
    buckets = [s for s in families["millrace_extract_seconds"].samples if s.name.endswith("bucket")]
    assert [s.value for s in buckets][-2:] == [1, 2]
    assert all(family.documentation for family in families.values())


def test_the_buckets_of_a_histogram_are_in_order_of_their_bounds() -> None:
    name = "millrace_fetch_seconds"
    fields = {
        f'{name}_sum{{kind="feed"}}': 1.5,
        f'{name}_bucket{{kind="feed",le="+Inf"}}': 3,
        f'{name}_bucket{{kind="page",le="+Inf"}}': 1,
        f'{name}_count{{kind="feed"}}': 3,
        f'{name}_bucket{{kind="feed",le="10"}}': 2,
        f'{name}_bucket{{kind="page",le="2.5"}}': 0,
        f'{name}_bucket{{kind="feed",le="2.5"}}': 2,
    }

    text = exposition(fields)

    bounds = re.findall(r'kind="(\w+)",le="([^"]+)"', text)
    assert bounds == [
        *(("feed", bound) for bound in ("2.5", "10", "+Inf")),
        ("page", "2.5"),
        ("page", "+Inf"),
    ]
    assert f'{name}_bucket{{kind="feed",le="+Inf"}} 3\n{name}_count{{kind="feed"}} 3\n' in text
    assert list(text_string_to_metric_families(text))


def test_a_name_nobody_documented_is_shown_without_a_type() -> None:
    assert "# TYPE millrace_other untyped" in exposition({"millrace_other": 1})


def test_every_metric_of_the_code_is_in_the_table() -> None:
    used = set()
    for package in ("core", "store", "workers", "service"):
        for path in (ROOT / package).rglob("*.py"):
            used |= set(_NAME.findall(path.read_text(encoding="utf-8")))

    assert {name for name in used if not name.endswith("_")} <= set(METRICS)


def test_every_metric_is_documented() -> None:
    documented = set(_NAME.findall((ROOT / "docs/metrics.md").read_text(encoding="utf-8")))

    assert documented == set(METRICS)


def test_every_documented_metric_is_counted_somewhere() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for package in ("store", "workers", "service")
        for path in (ROOT / package).rglob("*.py")
    )

    assert [name for name in METRICS if name not in code] == []


async def test_metrics_and_sources_answer_from_what_is_known_while_the_store_hangs(
    served: Served,
) -> None:
    state = SourceState(url="u", configured_url="u", last_success=1000.0, title="First")
    await served.store.redis.hset(keys.source("first"), "state", dump_source(state))
    await served.client.app[CONTEXT].cached.states(["first", "second"])

    await served.store.redis.client_pause(4000, all=True)
    started = time.monotonic()
    sources = await (await served.client.get("/sources")).json()
    after_sources = time.monotonic() - started
    metrics = await (await served.client.get("/metrics")).text()
    after_metrics = time.monotonic() - started - after_sources

    assert [row["title"] for row in sources["sources"]] == ["First", None, None]
    assert "millrace_store_up 0" in metrics
    assert 'millrace_source_last_success_seconds{source="first"} 1000' in metrics
    assert after_sources < 2
    assert after_metrics < 2.5  # that of /health, which waits two seconds for the store
