"""At most so many new entries of one source a day (`max_per_day`)."""

from __future__ import annotations

from core.config.settings import Source
from store.sources import SourceState

_DAY = 86400


class DailyRoom:
    """What is left of a source's day, in UTC."""

    def __init__(self, state: SourceState, source: Source, *, now: float) -> None:
        self._limit = source.max_per_day
        self._day = int(now // _DAY)
        self._taken = state.day_entries if state.day == self._day else 0

    def take(self) -> bool:
        """Room for one more entry."""
        if self._limit is None:
            return True
        if self._taken >= self._limit:
            return False
        self._taken += 1
        return True

    def written_to(self, state: SourceState) -> SourceState:
        """The state with what was taken today."""
        if self._limit is None:
            return state
        return state.model_copy(update={"day": self._day, "day_entries": self._taken})
