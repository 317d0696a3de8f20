"""Asks a source and reads its answer: the same form for every kind of source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.discovery import known_feed
from core.errors import BadStatus, BrokeOff, NotAFeed
from core.freshness import freshness, retry_after
from core.interval import Wishes
from core.models import ParsedFeed
from core.parse import parse_feed
from core.settings import Source
from store.sources import SourceState
from workers.answer import Response, access_of
from workers.fetch import Fetcher
from workers.polled import Polled
from workers.sandbox import Sandbox

PARSE_SECONDS = 5.0


@dataclass(frozen=True)
class Asking:
    """What asking needs."""

    fetcher: Fetcher
    sandbox: Sandbox
    now: float  # the store's clock


async def ask(asking: Asking, source: Source, state: SourceState) -> Polled:
    """One poll of a source. Raises FetchError, DocumentError or ResourceLimit."""
    return await ask_feed(asking, source, state)


async def ask_feed(asking: Asking, source: Source, state: SourceState) -> Polled:
    """A conditional GET, and the feed in the answer; a web page that names a feed leads there."""
    url = state.url
    if source.kind == "auto" and state.document == 0:
        url = known_feed(url) or url
    answer = await _get(asking, source, state, url)
    try:
        return await _read(asking, state, answer)
    except NotAFeed as fault:
        if source.kind != "auto" or not fault.alternates:
            raise
        answer = await _get(asking, source, state, fault.alternates[0])
        polled = await _read(asking, state, answer)
    return polled


async def _get(asking: Asking, source: Source, state: SourceState, url: str) -> Response:
    same = url == state.url
    answer = await asking.fetcher.get(
        url,
        etag=state.etag if same else None,
        last_modified=state.last_modified if same else None,
        access=access_of(source),
    )
    if answer.status != 304 and not 200 <= answer.status < 300:
        wait = retry_after(answer.headers, now=asking.now, cap=asking.fetcher.settings.backoff.cap)
        raise BadStatus(answer.status, urlsplit(url).hostname or "", retry_after=wait)
    return answer


async def _read(asking: Asking, state: SourceState, answer: Response) -> Polled:
    body_hash = hashlib.blake2b(answer.body, digest_size=16).hexdigest()
    if answer.status == 304 or (body_hash == state.body_hash and answer.complete):
        return _unchanged(asking, state, answer)
    if not answer.complete:
        raise _broke_off(answer, body_hash)
    feed = await asking.sandbox.run(
        parse_feed,
        answer.body,
        url=answer.url,
        content_type=answer.content_type,
        timeout=PARSE_SECONDS,
    )
    if not (feed.complete or answer.framed or body_hash == state.torn_hash):
        raise _broke_off(answer, body_hash)
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=feed,
        etag=answer.etag,
        last_modified=answer.last_modified,
        body_hash=body_hash,
        permanent_redirect=answer.permanent_redirect,
        wishes=_wishes(asking, answer, feed),
        seconds=answer.elapsed,
        size=len(answer.body),
        hub=feed.hub,
        self_url=feed.self_url,
    )


def _broke_off(answer: Response, body_hash: str) -> BrokeOff:
    """Nothing of it is taken: its last entry is cut, and its validators would hide the rest."""
    return BrokeOff(f"the document broke off after {len(answer.body)} bytes", body_hash=body_hash)


def _unchanged(asking: Asking, state: SourceState, answer: Response) -> Polled:
    """Nothing new; validators are taken over all the same, servers change them at will."""
    wishes = Wishes(
        fresh=max(freshness(answer.headers, now=asking.now), state.ttl),
        skip_hours=state.skip_hours,
        skip_days=state.skip_days,
    )
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=None,
        etag=answer.etag,
        last_modified=answer.last_modified,
        permanent_redirect=answer.permanent_redirect,
        wishes=wishes,
        seconds=answer.elapsed,
        size=len(answer.body),
    )


def _wishes(asking: Asking, answer: Response, feed: ParsedFeed) -> Wishes:
    return Wishes(
        fresh=max(freshness(answer.headers, now=asking.now), feed.ttl or 0.0),
        skip_hours=feed.skip_hours,
        skip_days=feed.skip_days,
    )
