"""Why entries were published, merged or dropped: the body of /explain and `millrace explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.models import EntryRecord


def explanation(url: str, records: Sequence[EntryRecord]) -> dict[str, Any]:
    """What became of the entries under `url`, or under the id given instead."""
    return {"url": url, "entries": [_explained(record) for record in records]}


def _explained(record: EntryRecord) -> dict[str, Any]:
    article = record.article
    return {
        "id": record.id,
        "source": record.source,
        "guid": record.guid,
        "url": record.url,
        "title": record.title,
        "decision": record.decision.value,
        "story": record.story,
        "rule": record.rule,
        "distance": record.distance,
        "similarity": record.similarity,
        "compared_with": record.compared_with,
        "arrived": record.arrived.isoformat(),
        "revised": record.revised.isoformat() if record.revised else None,
        "method": article.method.value if article else None,
        "original_url": article.original_url if article else None,
        "removed": [part.model_dump() for part in article.removed] if article else [],
    }
