"""Polls a source of any kind: request, response, feed discovery; returns a `Polled`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from statistics import median
from urllib.parse import urlsplit

import xxhash

from core.config.settings import Source
from core.errors import BadStatus, BrokeOff, DocumentError, NotAFeed, Overdue, ResourceLimit
from core.feeds.discovery import guessed_feed, header_feeds, known_feed, refreshed_to
from core.feeds.github import is_github
from core.feeds.listing import read_listing
from core.models import ParsedFeed
from core.pipeline import ParsedDocument
from core.polling import PollingHints, freshness, link_target, retry_after
from store.sources import SourceState
from workers.http.client import FEED_TYPES, PAGE_TYPES
from workers.http.response import Response, access_of
from workers.sources.documents import Poisoned, Polled, PollTools, is_set_aside, unchanged
from workers.sources.github import poll_folder

WHOLE_LEAST, WHOLE_UNKNOWN = 86_400.0, 7 * 86_400.0  # seconds without a whole document
WHOLE_AFTER_HAND = 60.0  # the same for a poll by hand
ALTERNATES_TRIED = 3  # feeds that a page names
_RANGE = re.compile(r"bytes (?:0-(\d{1,15})|[^/]*)/(\d{1,15})")  # RFC 9110, 14.4


async def poll_kind(tools: PollTools, source: Source, state: SourceState) -> Polled:
    """One poll of a source. Raises FetchError, DocumentError or ResourceLimit."""
    match kind_of(source, state):
        case "github":
            return await poll_folder(tools, source, state)
        case "page":
            return await ask_listing(tools, source, state)
    return await ask_feed(tools, source, state)


def kind_of(source: Source, state: SourceState) -> str:
    """The kind of a source: from feeds.yaml, from earlier polls, or from its address."""
    if source.kind != "auto":
        return source.kind
    if state.kind != "auto":
        return state.kind
    if is_github(source.url):
        return "github"
    return "page" if source.links else "feed"


async def ask_feed(tools: PollTools, source: Source, state: SourceState) -> Polled:
    """A conditional GET of a feed; if the response is a web page, of the feed that it names."""
    unknown = source.kind == "auto" and (state.document == 0 or state.discovered)
    known = known_feed(state.url) if unknown else None
    if known is not None:
        return replace(await _ask_at(tools, source, state, known), found_at=known)
    answer = await _get(tools, source, state, state.url)
    try:
        return await _read(tools, state, answer)
    except NotAFeed as fault:
        moved = fault.moved or refreshed_to(answer.headers.get("Refresh", ""), url=answer.url)
        if moved:
            return await _ask_at(tools, source, state, moved)
        if unknown and (found := await _discover(tools, source, state, answer, fault)):
            return found
        raise


async def ask_listing(tools: PollTools, source: Source, state: SourceState) -> Polled:
    """A conditional GET of a page that lists articles; the page job reads their texts."""
    answer = await _get(tools, source, state, state.url, listing=True)
    read = partial(read_listing, selector=source.links, now=tools.now)
    try:
        return replace(await _read(tools, state, answer, read), kind="page")
    except NotAFeed:
        if source.kind == "page":
            raise
        return await _read(tools, state, answer)  # the page may have become a feed


async def _discover(
    tools: PollTools, source: Source, state: SourceState, page: Response, fault: NotAFeed
) -> Polled | None:
    """The feed that a web page names, else one at a usual path, else the page as a listing.

    None when there is none. The caller raises `fault`: raised here, its traceback would keep the
    page in memory.
    """
    for url in candidates(page, fault, state.url):
        try:
            return replace(await _ask_at(tools, source, state, url), found_at=url)
        except (NotAFeed, BadStatus) as refusal:
            if url in fault.places and isinstance(refusal, BadStatus) and refusal.status != 404:
                break  # the site refuses such requests
    try:
        read = partial(read_listing, strict=True, now=tools.now)
        return replace(await _read(tools, state, page, read), kind="page")
    except NotAFeed:
        return None


def candidates(page: Response, fault: NotAFeed, url: str) -> list[str]:
    """The addresses at which a web page's feed may be, in the order of trial."""
    header = header_feeds(page.headers.getall("Link", ()), url=page.url)
    named = [*(feed.url for feed in header), *fault.alternates][:ALTERNATES_TRIED]
    guess = guessed_feed(url)
    return list(dict.fromkeys([*named, *([guess] if guess else []), *fault.places]))


async def _ask_at(tools: PollTools, source: Source, state: SourceState, url: str) -> Polled:
    """Poll the feed at another address than that of the source."""
    return await _read(tools, state, await _get(tools, source, state, url))


async def _get(
    tools: PollTools, source: Source, state: SourceState, url: str, *, listing: bool = False
) -> Response:
    same = url == state.url and not wants_whole(state, tools.now)
    limits = tools.fetcher.settings.max_bytes
    answer = await tools.fetcher.get(
        url,
        etag=state.etag if same else None,
        last_modified=state.last_modified if same else None,
        access=access_of(source),
        accept=PAGE_TYPES if listing else FEED_TYPES,
        max_bytes=limits.page if listing else limits.feed,
    )
    if answer.status != 304 and not 200 <= answer.status < 300:
        wait = retry_after(answer.headers, now=tools.now, cap=tools.fetcher.settings.backoff.cap)
        raise BadStatus(answer.status, urlsplit(url).hostname or "", retry_after=wait)
    return answer


async def _read(
    tools: PollTools,
    state: SourceState,
    answer: Response,
    read: Callable[..., ParsedFeed] | None = None,
) -> Polled:
    whole = state.etag is not None or state.last_modified is not None
    same = (answer.etag, answer.last_modified) == (state.etag, state.last_modified)
    whole = whole and same and answer.url == state.url and wants_whole(state, tools.now)
    if answer.status == 304:
        return _unchanged(tools, state, answer)
    body_hash = xxhash.xxh3_128_hexdigest(answer.body)
    if body_hash == state.body_hash and answer.complete:
        return _unchanged(tools, state, answer)
    feed, prepared = await _parsed_whole(tools, state, answer, body_hash, read)
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=feed,
        prepared=prepared,
        etag=answer.etag,
        last_modified=answer.last_modified,
        body_hash=body_hash,
        permanent_redirect=answer.permanent_redirect,
        wishes=_wishes(tools, answer, feed),
        seconds=answer.elapsed,
        size=len(answer.body),
        kind="feed",
        hub=_linked(answer, "hub") or feed.hub,
        self_url=_linked(answer, "self") or feed.self_url,
        notes=tuple(_notes(state, answer, feed, now=tools.now, whole=whole)),
        whole=whole,
    )


async def _parsed_whole(
    tools: PollTools,
    state: SourceState,
    answer: Response,
    body_hash: str,
    read: Callable[..., ParsedFeed] | None,
) -> ParsedDocument:
    """A document that is whole, or came the same twice. Raises the error of `_broke_off` else."""
    came_whole, again = answer.complete and not _is_part(answer), body_hash == state.torn_hash
    broke_off = _broke_off(answer, body_hash)
    if read is not None and not (came_whole or again):
        raise broke_off
    try:
        document = await _parsed(tools, state, answer, body_hash, read)
    except NotAFeed:
        if came_whole or again:
            raise
        raise broke_off from None
    # A feed that ends with its end tag is whole, whatever became of the connection.
    ended = document.feed.complete and (came_whole or again or answer.body.rstrip().endswith(b">"))
    if not (ended or (came_whole and (answer.framed or again))):
        raise broke_off
    return document


async def _parsed(
    tools: PollTools,
    state: SourceState,
    answer: Response,
    body_hash: str,
    read: Callable[..., ParsedFeed] | None,
) -> ParsedDocument:
    """The parsed document. Raises DocumentError for one that exceeded its limits too often."""
    if is_set_aside(state, body_hash, tools.version):
        raise DocumentError("the document is set aside: it could not be read within its limits")
    try:
        return await tools.reader.read(
            answer.body,
            url=answer.url,
            content_type=answer.content_type,
            parse=read,
            clock=state.clock(tools.now),
        )
    except Overdue:  # the machine is overloaded, which is no fault of the document
        raise
    except ResourceLimit as limit:
        text, values = limit.phrase
        raise Poisoned(text, body_hash=body_hash, **values) from limit


def wants_whole(state: SourceState, now: float) -> bool:
    """Whether to omit the validators, to check a source that keeps answering 304.

    Some servers always answer 304. A poll by hand checks at once; otherwise it is done once a day
    at most, and when the source was silent for three times the usual gap between its entries.
    """
    if state.whole_at is None or now - state.whole_at < WHOLE_AFTER_HAND:
        return False
    early = state.next_poll is not None and now < state.next_poll - WHOLE_AFTER_HAND
    if early and not state.failures:  # after failures, polls are early when the network is back
        return True  # an early poll was requested by a person
    gaps = [later - at for at, later in pairwise(state.arrivals)]
    usual = 0.0 if state.false_304 else median(gaps) if len(gaps) > 1 else WHOLE_UNKNOWN
    return now - state.whole_at > max(WHOLE_LEAST, 3 * usual)


def _notes(
    state: SourceState, answer: Response, feed: ParsedFeed, *, now: float, whole: bool
) -> Iterator[str]:
    if whole or state.false_304:
        yield "it answered 304 though its document had changed: it is fetched whole once a day"
    if answer.repaired:
        yield f"the head of its answer is not valid and was read leniently: {answer.repaired}"
    ahead = feed.clock_ahead or state.clock(now).ahead
    if ahead:
        yield f"its clock is {ahead / 3600:g} hours ahead: its dates are taken back by that"
    if feed.fault:
        yield f"the document was read with repairs: {feed.fault}"
    unread = [entry.unread_date for entry in feed.entries if entry.unread_date]
    if unread:
        yield f"{len(unread)} of {len(feed.entries)} dates cannot be read, such as {unread[0]!r}"


def _linked(answer: Response, relation: str) -> str | None:
    return link_target(answer.headers.getall("Link", ()), relation, base=answer.url)


def _is_part(answer: Response) -> bool:
    """Whether only part of the document was sent though no range was requested (faulty caches)."""
    stated = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return stated is not None and int(stated[1] or 0) + 1 != int(stated[2])


def _broke_off(answer: Response, body_hash: str) -> BrokeOff:
    """The error for a truncated document, of which nothing is used: its last entry is cut."""
    size = str(len(answer.body))
    return BrokeOff("the document broke off after {size} bytes", size=size, body_hash=body_hash)


def _unchanged(tools: PollTools, state: SourceState, answer: Response) -> Polled:
    wishes = PollingHints(
        fresh=max(freshness(answer.headers, now=tools.now), state.ttl),
        skip_hours=state.skip_hours,
        skip_days=state.skip_days,
    )
    return replace(unchanged(answer, wishes), permanent_redirect=answer.permanent_redirect)


def _wishes(tools: PollTools, answer: Response, feed: ParsedFeed) -> PollingHints:
    return PollingHints(
        fresh=max(freshness(answer.headers, now=tools.now), feed.ttl or 0.0),
        skip_hours=feed.skip_hours,
        skip_days=feed.skip_days,
    )
