"""What all ordeals showed, one line a seed; whatever is not 0 was not promised."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.ordeal import Findings

_PROMISED = ("lost", "doubled", "phantom", "merged", "moved", "wrong", "deaths", "exit")
_HEAD = ("seed", "stories", "deeds", *_PROMISED, "calm s", "")


def table(findings: Mapping[int, Findings]) -> str:
    """The ordeals by seed, and their sum."""
    rows = [_row(seed, each) for seed, each in findings.items()]
    sums = ["sum", *(str(sum(int(row[place]) for row in rows)) for place in range(1, 11))]
    rows.append([*sums, "", "kept" if all(f.good for f in findings.values()) else "BROKEN"])
    return "\n".join(" ".join(part.rjust(7) for part in row) for row in (_HEAD, *rows))


def _row(seed: int, found: Findings) -> list[str]:
    moved = sum(" moved from " in fault for fault in found.faults)
    counts = (
        found.account.stories,
        found.deeds.total(),
        len(found.account.lost),
        len(found.account.doubled),
        len(found.account.phantom),
        len(found.account.merged),
        moved,
        len(found.faults) - moved,
        len(found.deaths),
        found.exit_code,
    )
    verdict = "kept" if found.good else "BROKEN"
    return [str(seed), *map(str, counts), f"{found.calm:.0f}", verdict]
