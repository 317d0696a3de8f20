"""Every metric: its name, kind, labels and meaning.

Workers count under these names, /metrics exports them, docs/metrics.md lists them; a test
compares the two.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

# Upper bounds of histograms, in seconds.
FETCH_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LAG_BUCKETS = (0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)

# Upper bounds of other histograms.
CANDIDATE_BUCKETS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
DISTANCE_BUCKETS = (0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0, 40.0, 64.0)


class Metric(NamedTuple):
    """One metric."""

    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {
    # Counted by the workers, stored in Redis.
    "millrace_polls_total": Metric("counter", "Polls of sources, by outcome.", ("outcome",)),
    "millrace_source_polls_total": Metric(
        "counter", "Polls of one source, by outcome.", ("source", "outcome")
    ),
    "millrace_pages_total": Metric("counter", "Article pages read, by outcome.", ("outcome",)),
    "millrace_fetch_seconds": Metric(
        "histogram", "Time of one fetch, until its last byte.", ("kind",)
    ),
    "millrace_fetched_bytes_total": Metric(
        "counter", "Bytes received from sources, decoded.", ("kind",)
    ),
    "millrace_extract_seconds": Metric(
        "histogram", "Time to read and clean one entry: the mean of its batch."
    ),
    "millrace_settle_seconds": Metric(
        "histogram", "Time to find the stories of one batch of entries and to commit them."
    ),
    "millrace_entries_total": Metric("counter", "Entries received, by decision.", ("decision",)),
    "millrace_source_entries_total": Metric(
        "counter", "Entries of one source, by decision.", ("source", "decision")
    ),
    "millrace_lag_seconds": Metric(
        "histogram", "From an entry's published time until it is in the river."
    ),
    "millrace_candidates": Metric(
        "histogram", "Founders that share a key with an entry and were compared with it."
    ),
    "millrace_merged_total": Metric(
        "counter", "Entries that joined a story, by merge rule.", ("rule",)
    ),
    "millrace_undone_total": Metric(
        "counter", "Entries that left a story because later evidence contradicted their merge."
    ),
    "millrace_distance_bits": Metric(
        "histogram", "Bits of 128 between an entry that joined a story and its founder."
    ),
    "millrace_repost_lag_seconds": Metric(
        "histogram", "From the arrival of a story's founder to that of a copy."
    ),
    "millrace_killed_total": Metric(
        "counter",
        "Documents whose parsing or extraction was stopped at its time or memory limit.",
        ("step",),
    ),
    "millrace_webhooks_total": Metric("counter", "Webhook deliveries, by outcome.", ("outcome",)),
    "millrace_hub_deliveries_total": Metric(
        "counter", "Deliveries of our own WebSub hub, by outcome.", ("outcome",)
    ),
    "millrace_metrics_dropped_total": Metric(
        "counter", "Counts with labels beyond the limit, added up here."
    ),
    # Measured by the service.
    "millrace_store_up": Metric("gauge", "1 while the store is reachable."),
    "millrace_store_memory_bytes": Metric("gauge", "Memory the store uses."),
    "millrace_store_memory_limit_bytes": Metric("gauge", "Memory limit of the store; 0: none."),
    "millrace_store_disk_free_bytes": Metric(
        "gauge",
        "Free bytes on the disk of the store's data; absent for a remote store.",
    ),
    "millrace_store_disk_size_bytes": Metric("gauge", "Size of that disk."),
    "millrace_workers": Metric("gauge", "Live workers."),
    "millrace_workers_refused": Metric(
        "gauge", "Of these, workers with writes that the store recently refused."
    ),
    "millrace_queue_age_seconds": Metric("gauge", "Delay of the most overdue source or page."),
    "millrace_stories": Metric("gauge", "Stories in the river."),
    "millrace_sources": Metric("gauge", "Sources of feeds.yaml.", ("state",)),
    "millrace_source_up": Metric("gauge", "1 while the last poll succeeded.", ("source",)),
    "millrace_source_last_success_seconds": Metric(
        "gauge", "Unix time of a source's last successful poll; 0: never.", ("source",)
    ),
    "millrace_source_waiting": Metric(
        "gauge",
        "New entries of a source that wait for the next day: it brought too many today.",
        ("source",),
    ),
    "millrace_renders_total": Metric("counter", "Feed documents rendered by this process."),
    "millrace_connections": Metric("gauge", "Open connections to this process."),
    "millrace_refused_total": Metric(
        "counter",
        "Connections and requests that this process ended or refused: idle (another took the "
        "place), full, head too slow, head too large, stalled, slow, stream, malformed.",
        ("reason",),
    ),
    "millrace_stream_readers": Metric("gauge", "Open connections to /stream."),
    "millrace_stream_dropped_total": Metric(
        "counter", "Readers of /stream that this process dropped because they did not read."
    ),
    "millrace_config_fault": Metric("gauge", "1 while the last edit of feeds.yaml is refused."),
}
