"""/metrics is Prometheus text that a parser of its own reads, and every name is documented."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from core.metrics import METRICS, STEP_BUCKETS
from service.ops.metrics import exposition
from store.counters import Counts
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


def test_a_histogram_without_values_in_a_bucket_still_grows() -> None:
    text = exposition(
        {
            'millrace_fetch_seconds_bucket{kind="feed",le="0.1"}': 2,
            'millrace_fetch_seconds_bucket{kind="feed",le="+Inf"}': 3,
            'millrace_fetch_seconds_bucket{kind="page",le="+Inf"}': 1,
            'millrace_fetch_seconds_sum{kind="feed"}': 1.5,
            'millrace_fetch_seconds_count{kind="feed"}': 3,
        }
    )

    assert 'millrace_fetch_seconds_bucket{kind="page",le="0.1"} 0\n' in text
    assert 'millrace_fetch_seconds_bucket{kind="feed",le="+Inf"} 3\n' in text
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
