"""Settings changed by hand are checked as the file is."""

from __future__ import annotations

import pytest

from core.config.file import with_overrides
from core.config.settings import Settings
from core.errors import ConfigError


def test_an_assignment_changes_one_field() -> None:
    changed = with_overrides(Settings(), ["dedup.radius=8", "dedup.window=7d"], group="dedup")

    assert (changed.dedup.radius, changed.dedup.window) == (8, 7 * 86400)
    assert changed.feed == Settings().feed


@pytest.mark.parametrize(
    ("assignment", "fault"),
    [
        ("dedup.radios=8", "--set dedup.radios=8: unknown field; did you mean `dedup.radius`?"),
        ("dedup.radius=99", "--set dedup.radius: must be at most 64, not 99"),
        ("dedup.window=7", "--set dedup.window: a duration is a number with a unit"),
        ("dedup.radius", "--set dedup.radius: must look like dedup.FIELD=VALUE"),
        ("feed.title=x", "--set feed.title=x: must look like dedup.FIELD=VALUE"),
    ],
)
def test_a_wrong_assignment_is_told(assignment: str, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        with_overrides(Settings(), [assignment], group="dedup")

    assert refused.value.faults[0].startswith(fault)
