"""The subscriber of WebSub: subscribes at hubs, renews subscriptions, reads pushed documents.

Sources with a hub are polled too, so a failing hub delays entries but loses none.
"""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

import structlog

from core.config.settings import Source
from core.errors import DocumentError, FetchError, Overdue, ResourceLimit
from core.feeds.new_entries import read_new_entries
from core.polling import HubSubscription, PollingHints
from store.sources import SourceState
from store.websub import (
    drop_subscription,
    end_push,
    keep_subscription,
    oldest_push,
    pushes_waiting,
    subscription_of,
    subscriptions_due,
    wake,
)
from workers.context import WorkerContext
from workers.http.response import Response, access_of, redirect_target
from workers.sources.documents import Polled, PollTools

log = structlog.get_logger()

LEASE_SECONDS = 10 * 86400  # requested; the hub decides
CONFIRM_SECONDS = 600.0  # for a hub to confirm; then it is requested again, with growing delays
RETRY_CAP = 86400.0
TEND_SECONDS = 60.0  # for one request to a hub, after which another worker may send it
HUB_REDIRECTS = 3
_KEEPS_METHOD = frozenset((307, 308))
_AT_ONCE = 20


async def tend_subscriptions(context: WorkerContext) -> int:
    """Send the subscriptions and renewals that are due; returns their number."""
    due = await subscriptions_due(context.store, limit=_AT_ONCE, seconds=TEND_SECONDS)
    for subscription in due:
        source = context.source(subscription.source)
        public = context.settings().feed.link
        if source is None or public is None:
            await drop_subscription(context.store, subscription)
        else:
            await _subscribe(context, source, subscription, public)
    return len(due)


async def pushed(
    tools: PollTools, context: WorkerContext, source: Source, state: SourceState
) -> Polled | None:
    """The oldest document that a hub pushed for a source, as a poll's result; None without one."""
    waiting = await oldest_push(context.store, source.name) if state.hub else None
    if waiting is None:
        return None
    content_type, body = waiting
    try:
        feed, prepared = await tools.reader.read(
            body, url=state.url, content_type=content_type, parse=read_new_entries
        )
    except Overdue:  # the machine is overloaded, which is no fault of the document
        raise
    except (DocumentError, ResourceLimit) as fault:
        log.warning("push.refused", source=source.name, reason=str(fault))
        await end_push(context.store, source.name, body=body, content_type=content_type)
        return None
    return Polled(
        status=200,
        url=state.url,
        feed=feed,
        prepared=prepared,
        etag=state.etag,
        last_modified=state.last_modified,
        body_hash=state.body_hash,
        wishes=PollingHints(),
        size=len(body),
        kind=state.kind,
        hub=state.hub,
        self_url=state.self_url,
        push=(content_type, body),
    )


async def after_push(context: WorkerContext, source: Source, polled: Polled) -> None:
    """After the commit of a poll or push: read the next push, or subscribe at the feed's hub."""
    if polled.push is not None:
        content_type, body = polled.push
        await end_push(context.store, source.name, body=body, content_type=content_type)
    elif polled.feed is not None:
        await _want_push(context, source, polled)
    if polled.hub is not None and await pushes_waiting(context.store, source.name):
        await wake(context.store, source.name)


async def _want_push(context: WorkerContext, source: Source, polled: Polled) -> None:
    """Plan a subscription at the hub that the feed names, unless there is one."""
    if polled.hub is None or context.settings().feed.link is None:
        return
    topic = polled.self_url or polled.url
    known = await subscription_of(context.store, source.name)
    if known is not None and (known.hub, known.topic) == (polled.hub, topic):
        return
    wanted = HubSubscription(
        id=secrets.token_urlsafe(32),
        source=source.name,
        topic=topic,
        hub=polled.hub,
        secret=secrets.token_urlsafe(32),
    )
    if known is not None:
        await drop_subscription(context.store, known)
    await keep_subscription(context.store, wanted, tend_after=0)


async def _subscribe(
    context: WorkerContext, source: Source, wanted: HubSubscription, public: str
) -> None:
    form = {
        "hub.mode": "subscribe",
        "hub.topic": wanted.topic,
        "hub.callback": f"{public.rstrip('/')}/websub/{wanted.id}",
        "hub.secret": wanted.secret,
        "hub.lease_seconds": str(LEASE_SECONDS),
    }
    asked = wanted.model_copy(update={"tries": wanted.tries + 1})
    retry = min(CONFIRM_SECONDS * 2.0 ** min(wanted.tries, 20), RETRY_CAP)
    # Stored before the request: the hub may verify before it answers.
    await keep_subscription(context.store, asked, tend_after=retry)
    try:
        answer = await _posted(context, source, wanted.hub, urlencode(form).encode())
    except FetchError as fault:
        log.info("websub.unreachable", source=source.name, reason=str(fault))
        return
    if not 200 <= answer.status < 300:
        log.info("websub.refused", source=source.name, status=answer.status)


async def _posted(context: WorkerContext, source: Source, hub: str, form: bytes) -> Response:
    """The response of a hub, after redirects that keep the method (307, 308)."""
    for _ in range(HUB_REDIRECTS + 1):
        answer = await context.fetcher.post(
            hub,
            form,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            access=access_of(source),
        )
        target = redirect_target(answer) if answer.status in _KEEPS_METHOD else None
        if target is None:
            return answer
        hub = target
    raise FetchError("more than {count} redirects of the hub", count=str(HUB_REDIRECTS))
