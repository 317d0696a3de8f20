"""Asks callbacks of our hub to confirm: anyone may have sent the request in their name.

Few at a time, slowly at each host, with short time limits and without redirects (WebSub, section
5.3: any other status than 2xx is no confirmation). Nothing here takes a turn that a source or a
webhook waits for.
"""

from __future__ import annotations

import asyncio
import secrets
from urllib.parse import urlencode

import structlog

from core.config.settings import FetchSettings
from core.errors import FetchError, ForbiddenAddress
from store.counters import Counts
from store.websub import (
    Verification,
    drop_subscribers,
    end_verification,
    keep_subscriber,
    lease_verifications,
)
from workers.context import Kit

log = structlog.get_logger()

AT_ONCE = 10
LEASE_SECONDS = 60.0
CALLBACK_SECONDS = 10.0  # for one request to a stranger's callback
_MOST_BYTES = 4096  # of the answer, which is the challenge


def callback_settings(fetch: FetchSettings) -> FetchSettings:
    """How strangers' callbacks are requested: as sources, but they have less time."""
    return fetch.model_copy(update={"timeout": min(fetch.timeout, CALLBACK_SECONDS)})


async def verify_due(kit: Kit) -> int:
    """Ask the callbacks that are due; how many that were."""
    due = await lease_verifications(kit.store, limit=AT_ONCE, seconds=LEASE_SECONDS)
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
