"""What the handlers of one running service share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from core.config.settings import Settings
from service.known import Known
from service.window import River
from store.connection import Store


@dataclass
class Context:
    """Made once by `make_app`; settings are read again at each use, for they change."""

    store: Store
    settings: Callable[[], Settings]
    config_fault: Callable[[], str | None]
    river: River
    known: Known
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    draining: bool = False


CONTEXT = web.AppKey("context", Context)


@dataclass(frozen=True, eq=False, slots=True)
class Papers:
    """Title, if set, and address of each source; compared as one object, for it is long."""

    by_name: Mapping[str, tuple[str | None, str]]


NO_PAPERS = Papers({})


@dataclass(frozen=True, slots=True)
class Listed:
    """What requests ask of the list of sources: with 100,000 of them too long to go through."""

    names: frozenset[str]
    tags: tuple[str, ...]  # sorted
    by_source_link: frozenset[str]  # names of the sources with `link: source`
    papers: Papers
    disabled: int


_listed: tuple[Settings, Listed] | None = None


def listed(settings: Settings) -> Listed:
    """The same for the settings in force, gone through once."""
    global _listed
    known = _listed
    if known is None or known[0] is not settings:
        sources = settings.sources
        known = _listed = (
            settings,
            Listed(
                names=frozenset(source.name for source in sources),
                tags=tuple(sorted({tag for source in sources for tag in source.tags})),
                by_source_link=frozenset(s.name for s in sources if s.link == "source"),
                papers=Papers({s.name: (s.title, s.url) for s in sources}),
                disabled=sum(not source.enabled for source in sources),
            ),
        )
    return known[1]
