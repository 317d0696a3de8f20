"""Sends webhooks, pings and hub content until they arrive, and confirms subscriptions.

Everything goes through guarded sessions of its own, so that no source's turn at its host is taken.
What fails is tried again, ever later, and its target is left alone meanwhile; what is given up is
counted, logged and named in /health. Callbacks of our hub have to confirm, because anyone may have
subscribed in their name: few at a time, slowly at each host, with short time limits and without
redirects (WebSub, section 5.3: any other status than 2xx is no confirmation).
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

import structlog

from core.config.settings import FetchSettings
from core.errors import FetchError, ForbiddenAddress
from store.monitoring import Counts
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
from store.websub import (
    Subscriber,
    Verification,
    ask_for,
    drop_subscribers,
    end_verification,
    keep_subscriber,
    lease_verifications,
)
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
        asked = Subscriber.model_validate_json(delivery.body, extra="ignore")
        await ask_for(self._kit.store, Verification(mode=mode, subscriber=asked))
        await end_delivery(self._kit.store, self._outbox, delivery.id)


async def _give_up(kit: Kit, host: str, reason: str, *, kind: str) -> None:
    """Subscribers come and go; what the operator configured is worth a word."""
    if kind == "webhook" and await give_up(kit.store, host, count=1, reason=reason):
        log.warning("webhook.given_up", host=host, reason=reason)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


VERIFIED_AT_ONCE = 10
VERIFY_LEASE_SECONDS = 60.0
CALLBACK_SECONDS = 10.0  # for one request to a stranger's callback
_MOST_BYTES = 4096  # of the answer, which is the challenge


def callback_settings(fetch: FetchSettings) -> FetchSettings:
    """How strangers' callbacks are requested: as sources, but they have less time."""
    return fetch.model_copy(update={"timeout": min(fetch.timeout, CALLBACK_SECONDS)})


async def verify_due(kit: Kit) -> int:
    """Ask the callbacks that are due; how many that were."""
    due = await lease_verifications(kit.store, limit=VERIFIED_AT_ONCE, seconds=VERIFY_LEASE_SECONDS)
    counts = Counts()
    await asyncio.gather(*(_verify(kit, verification, counts) for verification in due))
    await counts.write(kit.store)
    return len(due)


async def _verify(kit: Kit, verification: Verification, counts: Counts) -> None:
    outcome = "refused"
    try:
        if await _is_confirmed(kit, verification):
            outcome = await _carry_out(kit, verification)
    except ForbiddenAddress as fault:
        log.info("hub.refused", host=verification.subscriber.host, reason=str(fault))
    except FetchError as fault:
        log.info("hub.unanswered", host=verification.subscriber.host, reason=str(fault))
        outcome = "unanswered"
    counts.add("millrace_hub_deliveries_total", outcome=outcome)
    await end_verification(kit.store, verification, answered=outcome != "unanswered")


async def _is_confirmed(kit: Kit, verification: Verification) -> bool:
    asked = verification.subscriber
    challenge = secrets.token_urlsafe(24)
    query = {
        "hub.mode": verification.mode,
        "hub.topic": asked.topic,
        "hub.challenge": challenge,
    }
    if verification.mode == "subscribe":
        query["hub.lease_seconds"] = f"{asked.lease:.0f}"
    joint = "&" if "?" in asked.callback else "?"
    url = asked.callback + joint + urlencode(query)
    answer = await kit.callbacks.get(url, max_bytes=_MOST_BYTES, redirects=0)
    return 200 <= answer.status < 300 and answer.body.strip() == challenge.encode()


async def _carry_out(kit: Kit, verification: Verification) -> str:
    asked = verification.subscriber
    if verification.mode == "unsubscribe":
        await drop_subscribers(kit.store, asked.id)
        return "unsubscribed"
    return "subscribed" if await keep_subscriber(kit.store, asked) else "full"
