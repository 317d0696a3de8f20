"""What a reader asks of a feed, from the path and the query; refuses what it does not understand
instead of answering something else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from multidict import MultiMapping

from core.errors import MillraceError
from core.render.variant import Variant

LONGEST_QUERY = 200  # characters of `q`
_SPACED_OFFSET = re.compile(r" (\d\d:?\d\d)$")  # a `+` that was not written as %2B


class BadQuery(MillraceError):
    """The query cannot be understood; the text says which part."""


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """One selection of stories and how to show them."""

    limit: int | None = None  # None: `feed.limit`
    since: datetime | None = None
    text: str | None = None
    sources: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    page: int = 1
    summary: bool = False
    variant: Variant | None = None


def parse_query(
    query: MultiMapping[str], *, source: str | None = None, tag: str | None = None
) -> FeedQuery:
    """The query of a feed; `source` and `tag` come from the path."""
    content = query.get("content", "full")
    variant = query.get("variant")
    if content not in ("full", "summary"):
        raise BadQuery("content is full or summary")
    if variant not in (None, "hans", "hant"):
        raise BadQuery("variant is hans or hant")
    return FeedQuery(
        limit=_number(query, "limit"),
        since=_moment(query.get("since")),
        text=query.get("q", "")[:LONGEST_QUERY].casefold() or None,
        sources=frozenset([source] if source else query.getall("source", [])),
        tags=frozenset([tag] if tag else query.getall("tag", [])),
        page=_number(query, "page") or 1,
        summary=content == "summary",
        variant=cast(Variant | None, variant),
    )


def _number(query: MultiMapping[str], name: str) -> int | None:
    stated = query.get(name)
    if stated is None:
        return None
    if not (stated.isascii() and stated.isdigit() and len(stated) < 10 and int(stated) > 0):
        raise BadQuery(f"{name} is a whole number from 1")
    return int(stated)


def _moment(stated: str | None) -> datetime | None:
    if not stated:
        return None
    try:
        moment = datetime.fromisoformat(_SPACED_OFFSET.sub(r"+\1", stated))
    except ValueError as error:
        raise BadQuery("since is a time as in 2026-01-31T08:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
