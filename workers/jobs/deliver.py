"""Sends what the outboxes hold: webhooks, pings to other hubs, news to subscribers of our own hub.

Everything goes through a guarded session of its own, so that no source's turn at its host is
taken. What fails is tried again, ever later, and its target is left alone meanwhile; what is given
up is counted, logged and named in /health.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog

from core.errors import FetchError
from store.counters import Counts
from store.outbox import (
    OPERATOR,
    SUBSCRIBERS,
    Delivery,
    Outbox,
    delay_delivery,
    end_delivery,
    give_up,
    lease_deliveries,
    rest,
    rested,
    resting,
)
from store.websub import Subscriber, Verification, ask_for, drop_subscribers
from workers.context import Kit
from workers.http.client import Fetcher

log = structlog.get_logger()

AT_ONCE = 20
LEASE_SECONDS = 300.0  # above what twenty deliveries to a slow target take
FIRST_RETRY = 10.0
LONGEST_RETRY = 3600.0
MOST_TRIES = 16  # half a day
_METRIC = {
    "hub": "millrace_hub_deliveries_total",
    "ping": "millrace_hub_deliveries_total",
    "webhook": "millrace_webhooks_total",
}


async def deliver_operators(kit: Kit) -> int:
    """Send the webhooks and pings that are due; how many that were."""
    return await _deliver_due(kit, OPERATOR, kit.outgoing)


async def deliver_subscribers(kit: Kit) -> int:
    """Send the news that are due to subscribers of our hub; how many that were."""
    return await _deliver_due(kit, SUBSCRIBERS, kit.callbacks)


async def _deliver_due(kit: Kit, outbox: Outbox, fetcher: Fetcher) -> int:
    due, expired = await lease_deliveries(kit.store, outbox, limit=AT_ONCE, seconds=LEASE_SECONDS)
    counts = Counts()
    targets: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in due:
        targets[_host(delivery.url)].append(delivery)
    await asyncio.gather(
        *(
            _Target(kit, outbox, fetcher, counts, host).send(deliveries)
            for host, deliveries in targets.items()
        )
    )
    for delivery_id in expired:
        kind = delivery_id.partition("-")[0]
        if kind in _METRIC:
            counts.add(_METRIC[kind], outcome="expired")
            await _give_up(kit, "expired", "not delivered in time", kind=kind)
    await counts.write(kit.store)
    return len(due)


class _Target:
    """One host that is sent deliveries, one after the other."""

    def __init__(
        self, kit: Kit, outbox: Outbox, fetcher: Fetcher, counts: Counts, host: str
    ) -> None:
        self._kit = kit
        self._outbox = outbox
        self._fetcher = fetcher
        self._counts = counts
        self._host = host

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Send until one fails; the rest waits as long as it does."""
        store = self._kit.store
        for delivery in deliveries:
            wait = await resting(store, self._host)
            if wait > 0:
                await delay_delivery(store, self._outbox, delivery, seconds=wait)
            elif delivery.kind == "verify":
                await self._verify(delivery)
            else:
                await self._deliver(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        store, metric = self._kit.store, _METRIC[delivery.kind]
        fault = await self._fault(delivery)
        if fault is None:
            self._counts.add(metric, outcome="delivered")
            await rested(store, self._host)
            await end_delivery(store, self._outbox, delivery.id)
        elif fault == "gone" and delivery.subscriber is not None:
            self._counts.add(metric, outcome="gone")
            await drop_subscribers(store, delivery.subscriber)
            await end_delivery(store, self._outbox, delivery.id)
        elif delivery.tries < MOST_TRIES:
            self._counts.add(metric, outcome="retried")
            await rest(store, self._host)
            tried = delivery.model_copy(update={"tries": delivery.tries + 1})
            wait = min(FIRST_RETRY * 2.0**delivery.tries, LONGEST_RETRY)
            await delay_delivery(store, self._outbox, tried, seconds=wait)
        else:
            self._counts.add(metric, outcome="failed")
            await end_delivery(store, self._outbox, delivery.id)
            await _give_up(self._kit, self._host, fault, kind=delivery.kind)

    async def _fault(self, delivery: Delivery) -> str | None:
        """Why a delivery did not arrive; None: it did."""
        body = delivery.body.encode()
        try:
            answer = await self._fetcher.post(delivery.url, body, headers=delivery.headers)
        except FetchError as fault:
            log.info("delivery.failed", kind=delivery.kind, host=self._host, reason=str(fault))
            return str(fault)
        if answer.status == 410:
            return "gone"
        return None if 200 <= answer.status < 300 else f"it answered {answer.status}"

    async def _verify(self, delivery: Delivery) -> None:
        """What an older version left in this outbox goes to where it belongs now."""
        mode = "subscribe" if delivery.headers.get("mode") == "subscribe" else "unsubscribe"
        asked = Subscriber.model_validate_json(delivery.body)
        await ask_for(self._kit.store, Verification(mode=mode, subscriber=asked))
        await end_delivery(self._kit.store, self._outbox, delivery.id)


async def _give_up(kit: Kit, host: str, reason: str, *, kind: str) -> None:
    """Subscribers come and go; what the operator configured is worth a word."""
    if kind == "webhook" and await give_up(kit.store, host, count=1, reason=reason):
        log.warning("webhook.given_up", host=host, reason=reason)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()
