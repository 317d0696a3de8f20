"""Sends what the outbox holds: confirmations and news of our hub, webhooks, pings to other hubs.

Everything goes through the one guarded session; what fails is tried again, ever later.
"""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urlencode

import structlog

from core.errors import FetchError, HostBusy
from store.counters import Counts
from store.outbox import Delivery, delay_delivery, end_delivery, lease_deliveries
from store.subscribers import Subscriber, drop_subscribers, keep_subscriber
from workers.context import Kit

log = structlog.get_logger()

AT_ONCE = 20
LEASE_SECONDS = 90.0  # above the longest request
FIRST_RETRY = 10.0
LONGEST_RETRY = 3600.0
MOST_TRIES = 16  # half a day
_METRIC = {
    "verify": "millrace_hub_deliveries_total",
    "hub": "millrace_hub_deliveries_total",
    "ping": "millrace_hub_deliveries_total",
    "webhook": "millrace_webhooks_total",
}


async def deliver_due(kit: Kit) -> int:
    """Send what is due; how many that were."""
    due = await lease_deliveries(kit.store, limit=AT_ONCE, seconds=LEASE_SECONDS)
    counts = Counts()
    await asyncio.gather(*(_deliver(kit, delivery, counts) for delivery in due))
    await counts.write(kit.store)
    return len(due)


async def _deliver(kit: Kit, delivery: Delivery, counts: Counts) -> None:
    send = _verify if delivery.kind == "verify" else _post
    try:
        outcome = await send(kit, delivery)
    except HostBusy as busy:
        await delay_delivery(kit.store, delivery, seconds=busy.wait)
        return
    except FetchError as fault:
        log.info("delivery.failed", kind=delivery.kind, url=delivery.url, reason=str(fault))
        outcome = "failed"
    if outcome == "failed" and delivery.kind != "verify" and delivery.tries < MOST_TRIES:
        counts.add(_METRIC[delivery.kind], outcome="retried")
        tried = delivery.model_copy(update={"tries": delivery.tries + 1})
        wait = min(FIRST_RETRY * 2.0**delivery.tries, LONGEST_RETRY)
        await delay_delivery(kit.store, tried, seconds=wait)
        return
    counts.add(_METRIC[delivery.kind], outcome=outcome)
    await end_delivery(kit.store, delivery.id)


async def _post(kit: Kit, delivery: Delivery) -> str:
    answer = await kit.fetcher.post(delivery.url, delivery.body.encode(), headers=delivery.headers)
    if answer.status == 410 and delivery.subscriber is not None:
        await drop_subscribers(kit.store, delivery.subscriber)
        return "gone"
    return "delivered" if 200 <= answer.status < 300 else "failed"


async def _verify(kit: Kit, delivery: Delivery) -> str:
    """Ask whether the subscriber meant it: anybody may have sent the request in its name."""
    mode, subscriber = delivery.headers["mode"], Subscriber.model_validate_json(delivery.body)
    challenge = secrets.token_urlsafe(24)
    asked = {"hub.mode": mode, "hub.topic": subscriber.topic, "hub.challenge": challenge}
    if mode == "subscribe":
        asked["hub.lease_seconds"] = f"{subscriber.lease:.0f}"
    joint = "&" if "?" in subscriber.callback else "?"
    answer = await kit.fetcher.get(subscriber.callback + joint + urlencode(asked), max_bytes=4096)
    if not 200 <= answer.status < 300 or answer.body.strip() != challenge.encode():
        return "refused"
    if mode == "unsubscribe":
        await drop_subscribers(kit.store, subscriber.id)
        return "unsubscribed"
    return "subscribed" if await keep_subscriber(kit.store, subscriber) else "full"
