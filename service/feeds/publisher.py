"""Fills the outboxes: whenever stories change, deliveries for hub subscribers and webhooks.

Its position is kept in the store, so that a restart loses nothing. One process at a time does this,
so that nothing is delivered twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson
import structlog

from core.config.settings import Settings, Webhook
from core.errors import MillraceError, StoreError
from core.polling import signature
from core.render.formats import item_fields
from service.changelog import position
from service.context import Context
from service.feeds.handlers import feed_of
from service.feeds.query import FeedQuery, select
from service.feeds.render import (
    FORMATS,
    ServedFeed,
    Stamp,
    Style,
    item_of,
    proxy_at,
    render,
    style_of,
)
from service.river import KeptStory
from store.entries import Change
from store.monitoring import Counts
from store.outbox import (
    OPERATOR,
    Delivery,
    Outbox,
    add_deliveries,
    give_up,
    half,
    is_publisher,
    keep_published,
    published_until,
)
from store.websub import Subscriber, load_subscribers

EVERY = 1.0  # seconds; a burst of news is sent as one
LEAD_SECONDS = 15.0  # after which another process takes over from one that died
AT_ONCE = 500  # changes of one round
SLICE_LETTERS = 2**20  # of the bodies for which webhooks are made at once
# Seconds by which a delivery precedes what is due now, less one for each that its source queued
# before, as far as these come faster than one a second. In the order of arrival a flood of 240
# entries a second delayed the webhooks of all other sources by 18 s.
AHEAD = 3600.0

log = structlog.get_logger()


class FairOrder:
    """The order of deliveries, fair by source: each delivery advances the clock of its source."""

    def __init__(self) -> None:
        self._clocks: dict[str, float] = {}  # of sources whose clock is ahead

    def ahead(self, source: str) -> float:
        """The seconds by which the next delivery of `source` precedes others that are due."""
        now = time.monotonic()
        clock = max(now, self._clocks.get(source, now))
        self._clocks[source] = min(clock + 1, now + AHEAD)
        if len(self._clocks) > AT_ONCE:
            self._clocks = {name: each for name, each in self._clocks.items() if each > now}
        return AHEAD - (clock - now)


class Publisher:
    """Follows the river's log and fills one outbox.

    There is one publisher for each outbox: documents for subscribers may take long to render, and
    webhooks must not wait for them.
    """

    def __init__(self, context: Context, outbox: Outbox) -> None:
        self._context = context
        self._outbox = outbox
        self._name = secrets.token_hex(8)
        self._order = FairOrder()
        self._behind = False  # whether there was more than fits into one round

    async def follow(self) -> None:
        """Fill the outbox until cancelled."""
        while True:
            try:
                where = await self._round()
                loaded = self._context.river.loaded is not None
                # Before the first load wait briefly: its end is not a change in the log.
                await self._context.river.log.wait_after(
                    where, LEAD_SECONDS / 3 if loaded else EVERY
                )
            except StoreError as error:
                log.debug("publisher.waits", reason=str(error))
            except Exception:  # subscribers would get nothing for the rest of this process
                log.exception("publisher.failed")
            await asyncio.sleep(0 if self._behind else EVERY)

    async def _round(self) -> str:
        """Queue deliveries for the changes since the last round; returns the new position."""
        context, changes_log = self._context, self._context.river.log
        self._behind = False
        if context.river.loaded is None:
            return "0"
        if not await is_publisher(context.store, self._outbox, self._name, seconds=LEAD_SECONDS):
            return changes_log.end
        where = await published_until(context.store, self._outbox)
        changes = None if where is None else changes_log.after(position(where), count=AT_ONCE)
        if changes is None:  # the first start, or too long away: what happened before is not sent
            await keep_published(context.store, self._outbox, changes_log.end)
            return changes_log.end
        if changes:
            await self._publish(changes)
            await keep_published(context.store, self._outbox, changes[-1].id)
            self._behind = len(changes) == AT_ONCE
        return changes[-1].id if changes else changes_log.end

    async def _publish(self, changes: Sequence[Change]) -> None:
        context, settings = self._context, self._context.settings()
        last = {change.story: change for change in changes if change.kind != "removed"}
        new = {change.story for change in changes if change.kind == "new"}
        last |= {story: last[story]._replace(kind="new") for story in new & last.keys()}
        found = [(context.river.find(story), change) for story, change in last.items()]
        news = [(kept, change) for kept, change in found if kept is not None]
        if self._outbox is OPERATOR:
            await self._publish_to_operator(news)
        elif settings.service.hub:
            by_topic = defaultdict[tuple[str, str], list[Subscriber]](list)
            for subscriber in await load_subscribers(context.store) if news else ():
                by_topic[subscriber.topic, subscriber.base].append(subscriber)
            # One topic at a time: thousands of documents would not fit into memory.
            for subscribers in by_topic.values():
                deliveries = await asyncio.to_thread(self._to_subscribers, subscribers, news)
                await add_deliveries(context.store, self._outbox, deliveries)

    async def _publish_to_operator(self, news: Sequence[tuple[KeptStory, Change]]) -> None:
        context, settings = self._context, self._context.settings()
        base = settings.feed.link  # without one there is no address that others could fetch
        proxy = proxy_at(context, base.rstrip("/") + "/") if base else None
        style, refused = style_of(settings, proxy=proxy), 0
        for few in _in_slices(news):
            ahead = [self._order.ahead(kept.shown) for kept, _ in few]
            deliveries = await asyncio.to_thread(_to_webhooks, settings, few, ahead, style)
            # A source whose deliveries wait by the thousand leaves half of the room to others.
            quiet = [each for each in deliveries if each.ahead >= 1]
            loud = [each for each in deliveries if each.ahead < 1]
            refused += (await add_deliveries(context.store, self._outbox, quiet)).refused
            refused += (await add_deliveries(context.store, half(self._outbox), loud)).refused
        if settings.feed.hub and news:
            pings = _pings(settings, news[-1][1].id)
            refused += (await add_deliveries(context.store, self._outbox, pings)).refused
        if refused:
            await self._report_dropped(refused)

    async def _report_dropped(self, count: int) -> None:
        """Count and log webhooks for which the outbox had no room, and name them in /health."""
        store, reason = self._context.store, "the outbox is full: a target takes nothing in"
        counts = Counts()
        counts.add("millrace_webhooks_total", by=count, outcome="dropped")
        await counts.write(store)
        if await give_up(store, "all targets", count=count, reason=reason):
            log.warning("webhook.dropped", count=count, reason=reason)

    def _to_subscribers(
        self, subscribers: Sequence[Subscriber], news: Sequence[tuple[KeptStory, Change]]
    ) -> list[Delivery]:
        """The deliveries to all subscribers of one topic."""
        document = self._document(subscribers[0], {kept.id for kept, _ in news})
        if document is None:
            return []
        until = news[-1][1].id
        return [_to_subscriber(each, *document, until=until) for each in subscribers]

    def _document(self, subscriber: Subscriber, news: set[str]) -> tuple[str, str] | None:
        """Content type and body with the new entries of one feed; None when it has none."""
        context, river = self._context, self._context.river
        stories, settings = river.newest(), context.settings()
        try:
            served: ServedFeed = feed_of(subscriber.topic, subscriber.base, settings, stories)
        except MillraceError:
            return None  # its source or tag left feeds.yaml
        fallback = river.loaded or context.started
        stamp = Stamp(river.generation, settings, False, fallback, river.secret)
        fresh = [kept for kept in stories if kept.id in news]
        if not select(fresh, served.query, settings, most=1):
            return None
        document = render(
            served, stories, stamp, lambda _: datetime.now(UTC), only=lambda kept: kept.id in news
        )
        return document.headers["Content-Type"], document.body.decode()


def _to_subscriber(subscriber: Subscriber, kind: str, body: str, *, until: str) -> Delivery:
    headers = {
        "Content-Type": kind,
        "Link": f'<{subscriber.base}hub>; rel="hub", <{subscriber.topic}>; rel="self"',
    }
    if subscriber.secret is not None:
        headers["X-Hub-Signature"] = signature(body.encode(), secret=subscriber.secret)
    return Delivery(
        id=f"hub-{subscriber.id}-{until}",
        kind="hub",
        url=subscriber.callback,
        headers=headers,
        body=body,
        subscriber=subscriber.id,
    )


def _in_slices(
    news: Sequence[tuple[KeptStory, Change]],
) -> Iterator[list[tuple[KeptStory, Change]]]:
    """The news in slices of about SLICE_LETTERS: giant entries would not fit into memory."""
    few, letters = list[tuple[KeptStory, Change]](), 0
    for kept, change in news:
        few.append((kept, change))
        letters += kept.letters
        if letters > SLICE_LETTERS:
            yield few
            few, letters = [], 0
    if few:
        yield few


def _to_webhooks(
    settings: Settings,
    news: Sequence[tuple[KeptStory, Change]],
    ahead: Sequence[float],
    style: Style,
) -> list[Delivery]:
    """The deliveries to all webhooks, ordered by `ahead` (seconds)."""
    deliveries, wanted = [], list[tuple[Webhook, set[str]]]()
    for webhook in settings.webhooks:
        query = FeedQuery(tags=frozenset(webhook.tags))
        found = select([kept for kept, _ in news], query, settings)
        wanted.append((webhook, {kept.id for kept in found}))
    for (kept, change), seconds in zip(news, ahead, strict=True):
        if any(kept.id in ids for _, ids in wanted):
            entry = item_fields(item_of(kept, style))
            body = orjson.dumps({"change": change.kind, "entry": entry}).decode()
            deliveries += [
                _to_webhook(webhook, body, change, seconds)
                for webhook, ids in wanted
                if kept.id in ids
            ]
    return deliveries


def _to_webhook(webhook: Webhook, body: str, change: Change, ahead: float) -> Delivery:
    named = hashlib.sha256(f"{webhook.url}\0{change.id}".encode()).hexdigest()[:32]
    return Delivery(
        id=f"webhook-{named}",
        kind="webhook",
        url=webhook.url,
        headers={
            "Content-Type": "application/json",
            "X-Millrace-Delivery": named,
            "X-Millrace-Signature": signature(body.encode(), secret=webhook.secret),
        },
        body=body,
        ahead=ahead,
    )


def _pings(settings: Settings, until: str) -> list[Delivery]:
    """The pings to an outside hub that our feeds have changed; it fetches them itself."""
    if settings.feed.link is None or settings.feed.hub is None:
        return []  # without a public address there is nothing it could fetch
    base = settings.feed.link.rstrip("/") + "/"
    topics = [("hub.url", f"{base}feed.{name}") for name in FORMATS]
    return [
        Delivery(
            id=f"ping-{until}",
            kind="ping",
            url=settings.feed.hub,
            ahead=AHEAD,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode([("hub.mode", "publish"), *topics]),
        )
    ]
