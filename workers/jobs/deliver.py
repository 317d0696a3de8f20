"""Sends webhooks, pings and hub content until they arrive, and confirms subscriptions.

Deliveries use separate guarded HTTP sessions, so that they do not share the limits per host of
sources. A failed delivery is retried with growing delays, during which its target gets no other;
deliveries that are given up are counted, logged and named in /health.

Callbacks of our hub must confirm, because anyone may have subscribed in their name. They are
requested few at a time, slowly per host, with short timeouts and without redirects (WebSub, section
5.3: a status other than 2xx is no confirmation).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from bisect import insort
from operator import itemgetter
from urllib.parse import urlencode, urlsplit

import structlog

from core.config.settings import FetchSettings
from core.errors import FetchError, ForbiddenAddress, StoreError
from store.connection import end_tasks
from store.monitoring import Counts
from store.outbox import (
    Delivery,
    Outbox,
    delay_delivery,
    end_delivery,
    give_up,
    lease_deliveries,
    pause_target,
    put_back,
    target_pause,
    target_recovered,
)
from store.websub import (
    Verification,
    drop_subscribers,
    end_verification,
    keep_subscriber,
    lease_verifications,
)
from workers.context import WorkerContext
from workers.http.client import Fetcher

log = structlog.get_logger()

AT_ONCE = 50  # deliveries that are leased together
TARGETS_AT_ONCE = 50  # most answer at once, some hang for half a minute
WAITING_EACH = 200  # deliveries in memory for one target; one of a webhook has some 10 kB,
WAITING_LETTERS = 2 * 2**20  # of their bodies; that of a giant entry alone has as many
FULL_SECONDS = 5.0  # after which a delivery is leased again when there was no room in memory
LEASE_SECONDS = 300.0  # a delivery that waited for half of this is put back
FIRST_RETRY = 10.0
LONGEST_RETRY = 3600.0
MOST_TRIES = 16  # half a day
_METRIC = {
    "hub": "millrace_hub_deliveries_total",
    "ping": "millrace_hub_deliveries_total",
    "webhook": "millrace_webhooks_total",
}


class Sender:
    """Sends the due deliveries of one outbox: to each target in turn, to all targets in parallel.

    Rounds that wait for their slowest response delivered webhooks 28 s late beside a target that
    accepted connections and never answered.
    """

    def __init__(self, context: WorkerContext, outbox: Outbox, fetcher: Fetcher) -> None:
        self._context = context
        self._outbox = outbox
        self._fetcher = fetcher
        self._targets: dict[str, _Target] = {}  # by host, while it has deliveries
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self, *, every: float) -> None:
        """Send until cancelled; look for due deliveries every `every` seconds."""
        try:
            while True:
                if await self.send_due() < AT_ONCE // 2:  # no more is due, or most found no room
                    await asyncio.sleep(every)
        finally:
            await end_tasks(self._sending)

    async def send_due(self) -> int:
        """Begin to send the due deliveries; returns how many found room in memory."""
        store, counts, full = self._context.store, Counts(), list[Delivery]()
        due, expired = await lease_deliveries(
            store, self._outbox, limit=AT_ONCE, seconds=LEASE_SECONDS
        )
        for delivery in due:
            target = self._target(_host(delivery.url))
            full += [delivery] if target is None else target.add(delivery)
        await put_back(store, self._outbox, full, seconds=FULL_SECONDS)
        for delivery_id in expired:
            kind = delivery_id.partition("-")[0]
            if kind in _METRIC:
                counts.add(_METRIC[kind], outcome="expired")
                await _give_up(self._context, "expired", "not delivered in time", kind=kind)
        self._context.add_counts(counts)
        return len(due) - len(full)

    async def sent(self) -> None:
        """Wait until nothing is being sent."""
        await asyncio.gather(*self._sending)

    def _target(self, host: str) -> _Target | None:
        """The target of a host, started if it is new; None when too many are active."""
        target = self._targets.get(host)
        if target is None and len(self._targets) < TARGETS_AT_ONCE:
            target = self._targets[host] = _Target(self._context, self._outbox, self._fetcher, host)
            task = asyncio.create_task(self._send(target))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return target

    async def _send(self, target: _Target) -> None:
        try:
            await target.send()
        except StoreError as error:  # its deliveries are due again when their leases expire
            log.info("delivery.interrupted", host=target.host, reason=str(error))
        except Exception:  # an error at one target must not end the sending to others
            log.exception("delivery.crashed", host=target.host)
        finally:
            del self._targets[target.host]
            self._context.add_counts(target.counts)


class _Target:
    """One host and its waiting deliveries, sent one after the other."""

    def __init__(self, context: WorkerContext, outbox: Outbox, fetcher: Fetcher, host: str) -> None:
        self.host = host
        # Each with its place in the order and the time of its lease; the next one first.
        self._waiting = list[tuple[float, float, Delivery]]()
        self.counts = Counts()
        self._context = context
        self._outbox = outbox
        self._fetcher = fetcher
        self._well = False  # whether the last delivery arrived

    def add(self, delivery: Delivery) -> list[Delivery]:
        """Queue a delivery; returns those for which there is no room now, the last in the order."""
        now = time.monotonic()
        insort(self._waiting, (now - delivery.ahead, now, delivery), key=itemgetter(0))
        size, kept = 0, 0
        for *_, each in self._waiting[:WAITING_EACH]:
            size += len(each.body)
            kept += size <= WAITING_LETTERS or not kept
        full = [each for *_, each in self._waiting[kept:]]
        del self._waiting[kept:]
        return full

    async def send(self) -> None:
        """Send the waiting deliveries; after a failure put the rest back until the retry."""
        store = self._context.store
        wait = await target_pause(store, self.host)
        while self._waiting:
            _, leased, delivery = self._waiting.pop(0)
            if wait > 0 or time.monotonic() - leased > LEASE_SECONDS / 2:
                others = [each for *_, each in self._waiting]
                self._waiting.clear()
                await put_back(store, self._outbox, [delivery, *others], seconds=wait)
            elif not await self._deliver(delivery):
                wait = await target_pause(store, self.host)

    async def _deliver(self, delivery: Delivery) -> bool:
        """Send one delivery and record the result; returns whether it arrived."""
        store, metric = self._context.store, _METRIC[delivery.kind]
        fault = await self._fault(delivery)
        if fault is None:
            self.counts.add(metric, outcome="delivered")
            if not self._well:
                await target_recovered(store, self.host)
            await end_delivery(store, self._outbox, delivery.id)
        elif fault == "gone" and delivery.subscriber is not None:
            self.counts.add(metric, outcome="gone")
            await drop_subscribers(store, delivery.subscriber)
            await end_delivery(store, self._outbox, delivery.id)
        elif delivery.tries < MOST_TRIES:
            self.counts.add(metric, outcome="retried")
            await pause_target(store, self.host)
            tried = delivery.model_copy(update={"tries": delivery.tries + 1})
            wait = min(FIRST_RETRY * 2.0**delivery.tries, LONGEST_RETRY)
            await delay_delivery(store, self._outbox, tried, seconds=wait)
        else:
            self.counts.add(metric, outcome="failed")
            await end_delivery(store, self._outbox, delivery.id)
            await _give_up(self._context, self.host, fault, kind=delivery.kind)
        self._well = fault is None
        return self._well

    async def _fault(self, delivery: Delivery) -> str | None:
        """Send the request; returns why it failed, or None on success."""
        body = delivery.body.encode()
        try:
            answer = await self._fetcher.post(delivery.url, body, headers=delivery.headers)
        except FetchError as fault:
            say = log.debug if delivery.kind == "hub" else log.info  # strangers write no log
            say("delivery.failed", kind=delivery.kind, host=self.host, reason=str(fault))
            return str(fault)
        if answer.status == 410:
            return "gone"
        return None if 200 <= answer.status < 300 else f"it answered {answer.status}"


async def _give_up(context: WorkerContext, host: str, reason: str, *, kind: str) -> None:
    """Log a webhook that is given up: the operator configured it. Subscribers come and go."""
    if kind == "webhook" and await give_up(context.store, host, count=1, reason=reason):
        log.warning("webhook.given_up", host=host, reason=reason)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


VERIFIED_AT_ONCE = 10
VERIFY_LEASE_SECONDS = 60.0
CALLBACK_SECONDS = 10.0  # for one request to a stranger's callback
_MOST_BYTES = 4096  # of the answer, which is the challenge


def callback_settings(fetch: FetchSettings) -> FetchSettings:
    """The settings for requests to callbacks: those for sources, with a shorter timeout."""
    return fetch.model_copy(update={"timeout": min(fetch.timeout, CALLBACK_SECONDS)})


async def verify_due(context: WorkerContext) -> int:
    """Request the confirmations that are due; returns their number."""
    due = await lease_verifications(
        context.store, limit=VERIFIED_AT_ONCE, seconds=VERIFY_LEASE_SECONDS
    )
    counts = Counts()
    await asyncio.gather(*(_verify(context, verification, counts) for verification in due))
    await counts.write(context.store)
    return len(due)


async def _verify(context: WorkerContext, verification: Verification, counts: Counts) -> None:
    outcome = "refused"
    try:
        if await _is_confirmed(context, verification):
            outcome = await _carry_out(context, verification)
    except ForbiddenAddress as fault:
        log.debug("hub.refused", host=verification.subscriber.host, reason=str(fault))
    except FetchError as fault:
        log.debug("hub.unanswered", host=verification.subscriber.host, reason=str(fault))
        outcome = "unanswered"
    counts.add("millrace_hub_deliveries_total", outcome=outcome)
    await end_verification(context.store, verification, answered=outcome != "unanswered")


async def _is_confirmed(context: WorkerContext, verification: Verification) -> bool:
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
    answer = await context.callbacks.get(url, max_bytes=_MOST_BYTES, redirects=0)
    return 200 <= answer.status < 300 and answer.body.strip() == challenge.encode()


async def _carry_out(context: WorkerContext, verification: Verification) -> str:
    asked = verification.subscriber
    if verification.mode == "unsubscribe":
        await drop_subscribers(context.store, asked.id)
        return "unsubscribed"
    return "subscribed" if await keep_subscriber(context.store, asked) else "full"
