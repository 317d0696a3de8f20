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
import time
from collections import deque
from urllib.parse import urlencode, urlsplit

import structlog

from core.config.settings import FetchSettings
from core.errors import FetchError, ForbiddenAddress, StoreError
from store.monitoring import Counts
from store.outbox import (
    Delivery,
    Outbox,
    delay_delivery,
    end_delivery,
    give_up,
    lease_deliveries,
    put_back,
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
from workers.leases import end_tasks

log = structlog.get_logger()

AT_ONCE = 20  # deliveries that are leased together
TARGETS_AT_ONCE = 50  # that are sent something: most answer at once, some hang for half a minute
WAITING_EACH = 200  # deliveries in memory for one target, of a webhook some 10 kB each
FULL_SECONDS = 15.0  # that a delivery waits in the store where there is no place for it here
LEASE_SECONDS = 300.0  # of which a delivery may wait for half; then it is put back
FIRST_RETRY = 10.0
LONGEST_RETRY = 3600.0
MOST_TRIES = 16  # half a day
_METRIC = {
    "hub": "millrace_hub_deliveries_total",
    "ping": "millrace_hub_deliveries_total",
    "webhook": "millrace_webhooks_total",
}


class Sender:
    """Sends what is due in one outbox: to each target one after the other, to all at once.

    In rounds that ended with their slowest answer, webhooks came 28 s late beside a target that
    accepted and never answered.
    """

    def __init__(self, kit: Kit, outbox: Outbox, fetcher: Fetcher) -> None:
        self._kit = kit
        self._outbox = outbox
        self._fetcher = fetcher
        self._targets: dict[str, _Target] = {}  # by host, while something is sent there
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self, *, every: float) -> None:
        """Send until cancelled; looks every `every` seconds for what is due."""
        try:
            while True:
                if not await self.send_due():
                    await asyncio.sleep(every)
        finally:
            await end_tasks(self._sending)

    async def send_due(self) -> int:
        """Begin to send what is due; how many deliveries that were."""
        store, counts, full = self._kit.store, Counts(), list[Delivery]()
        due, expired = await lease_deliveries(
            store, self._outbox, limit=AT_ONCE, seconds=LEASE_SECONDS
        )
        for delivery in due:
            target = self._target(_host(delivery.url))
            if target is None or len(target.waiting) >= WAITING_EACH:
                full.append(delivery)
            else:
                target.waiting.append((time.monotonic(), delivery))
        await put_back(store, self._outbox, full, seconds=FULL_SECONDS)
        for delivery_id in expired:
            kind = delivery_id.partition("-")[0]
            if kind in _METRIC:
                counts.add(_METRIC[kind], outcome="expired")
                await _give_up(self._kit, "expired", "not delivered in time", kind=kind)
        self._kit.tell(counts)
        return len(due)

    async def sent(self) -> None:
        """Return when nothing is being sent any more."""
        await asyncio.gather(*self._sending)

    def _target(self, host: str) -> _Target | None:
        """The target that is sent something, or begins to be; None where too many are."""
        target = self._targets.get(host)
        if target is None and len(self._targets) < TARGETS_AT_ONCE:
            target = self._targets[host] = _Target(self._kit, self._outbox, self._fetcher, host)
            task = asyncio.create_task(self._send(target))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return target

    async def _send(self, target: _Target) -> None:
        try:
            await target.send()
        except StoreError as error:  # they are due again when their leases end
            log.info("delivery.interrupted", host=target.host, reason=str(error))
        except Exception:  # one target must not end the sending to all others
            log.exception("delivery.crashed", host=target.host)
        finally:
            del self._targets[target.host]
            self._kit.tell(target.counts)


class _Target:
    """One host that is sent deliveries, one after the other."""

    def __init__(self, kit: Kit, outbox: Outbox, fetcher: Fetcher, host: str) -> None:
        self.host = host
        self.waiting = deque[tuple[float, Delivery]]()  # each with the time of its lease
        self.counts = Counts()
        self._kit = kit
        self._outbox = outbox
        self._fetcher = fetcher
        self._well = False  # whether the store knows that it answers

    async def send(self) -> None:
        """Send what waits until one fails; the rest waits as long as the target is left alone."""
        store = self._kit.store
        wait = await resting(store, self.host)
        while self.waiting:
            leased, delivery = self.waiting.popleft()
            if wait > 0 or time.monotonic() - leased > LEASE_SECONDS / 2:
                await put_back(store, self._outbox, [delivery], seconds=wait)
            elif delivery.kind == "verify":
                await self._verify(delivery)
            elif not await self._deliver(delivery):
                wait = await resting(store, self.host)

    async def _deliver(self, delivery: Delivery) -> bool:
        """Send one; whether it arrived."""
        store, metric = self._kit.store, _METRIC[delivery.kind]
        fault = await self._fault(delivery)
        if fault is None:
            self.counts.add(metric, outcome="delivered")
            if not self._well:
                await rested(store, self.host)
            await end_delivery(store, self._outbox, delivery.id)
        elif fault == "gone" and delivery.subscriber is not None:
            self.counts.add(metric, outcome="gone")
            await drop_subscribers(store, delivery.subscriber)
            await end_delivery(store, self._outbox, delivery.id)
        elif delivery.tries < MOST_TRIES:
            self.counts.add(metric, outcome="retried")
            await rest(store, self.host)
            tried = delivery.model_copy(update={"tries": delivery.tries + 1})
            wait = min(FIRST_RETRY * 2.0**delivery.tries, LONGEST_RETRY)
            await delay_delivery(store, self._outbox, tried, seconds=wait)
        else:
            self.counts.add(metric, outcome="failed")
            await end_delivery(store, self._outbox, delivery.id)
            await _give_up(self._kit, self.host, fault, kind=delivery.kind)
        self._well = fault is None
        return self._well

    async def _fault(self, delivery: Delivery) -> str | None:
        """Why a delivery did not arrive; None: it did."""
        body = delivery.body.encode()
        try:
            answer = await self._fetcher.post(delivery.url, body, headers=delivery.headers)
        except FetchError as fault:
            log.info("delivery.failed", kind=delivery.kind, host=self.host, reason=str(fault))
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
