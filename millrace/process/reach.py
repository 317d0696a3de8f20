"""Asks sources once, to say which of them do not answer with something that can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.config.settings import FetchSettings, Source
from core.errors import MillraceError, NotAFeed
from core.feeds.parse import parse_feed
from millrace.process.progress import progress_bar
from workers.http.client import Fetcher
from workers.http.response import access_of

_AT_ONCE = 8


async def unanswered(sources: Sequence[Source], fetch: FetchSettings) -> list[str]:
    """One line for each source that does not answer as it should, in their order."""
    places = asyncio.Semaphore(_AT_ONCE)
    async with Fetcher(fetch) as fetcher:

        async def ask(source: Source) -> str | None:
            async with places:
                fault = await _fault(fetcher, source)
            bar.advance(task)
            return fault

        with progress_bar() as bar:
            task = bar.add_task("asking", total=len(sources))
            faults = await asyncio.gather(*(ask(source) for source in sources))
    return [
        f"{source.name} ({source.url}): {fault}"
        for source, fault in zip(sources, faults, strict=True)
        if fault is not None
    ]


async def _fault(fetcher: Fetcher, source: Source) -> str | None:
    try:
        answer = await fetcher.get(source.url, access=access_of(source))
        if answer.status >= 400:
            return f"status {answer.status}"
        if source.kind in ("auto", "feed"):
            await asyncio.to_thread(
                parse_feed, answer.body, url=answer.url, content_type=answer.content_type
            )
    except NotAFeed as error:
        found = f"; it names {error.alternates[0]}" if error.alternates else ""
        return f"{error}{found}"
    except MillraceError as error:
        return str(error)
    return None
