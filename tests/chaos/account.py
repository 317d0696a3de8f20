"""The books closed: what was published against what the feed shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Account:
    """What went wrong with entries; all empty is what was promised."""

    stories: int
    lost: list[str]  # published and nowhere in the feed
    doubled: list[str]  # in the feed twice, or a story shown as two
    phantom: list[str]  # in the feed and never published
    merged: list[str]  # stories that hold entries of different stories

    @property
    def even(self) -> bool:
        """Nothing lost, doubled, invented or wrongly merged."""
        return not (self.lost or self.doubled or self.phantom or self.merged)

    def __str__(self) -> str:
        parts = [f"{self.stories} stories"]
        for name in ("lost", "doubled", "phantom", "merged"):
            found = getattr(self, name)
            shown = f" ({', '.join(found[:4])})" if found else ""
            parts.append(f"{name} {len(found)}{shown}")
        return ", ".join(parts)


def account(owed: Mapping[str, int], items: Sequence[Mapping[str, Any]]) -> Account:
    """Compare the published entries (path -> story) with the items of the feed."""
    times: Counter[str] = Counter()
    shown: dict[int, set[str]] = defaultdict(set)
    phantom, merged = [], []
    for item in items:
        paths = [urlsplit(member["url"]).path for member in item["_millrace"]["sources"]]
        times.update(paths)
        phantom += [path for path in paths if path not in owed]
        numbers = {owed[path] for path in paths if path in owed}
        if len(numbers) > 1:
            merged.append(item["id"])
        for number in numbers:
            shown[number].add(item["id"])
    doubled = [path for path, count in times.items() if count > 1]
    doubled += [f"story {number}" for number, ids in shown.items() if len(ids) > 1]
    lost = [path for path in owed if path not in times]
    return Account(len(items), lost, doubled, phantom, merged)
