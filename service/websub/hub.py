"""/hub: our own WebSub hub, for the feeds of this service alone.

Requests are only written down here. Workers ask the callback whether it meant it, and send what
is new, through the guarded session: the callback is a stranger's address.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from aiohttp import web

from core.errors import MillraceError, StoreError
from core.urls import web_url
from service.address import public_base
from service.body import BodyRefused, read_form
from service.context import CONTEXT, Context
from service.feeds.answers import answer_of
from service.ops.access import refusal
from service.responses import text_reply
from store.outbox import Delivery, add_deliveries
from store.subscribers import Subscriber

SHORTEST_LEASE, USUAL_LEASE, LONGEST_LEASE = 60.0, 10 * 86400.0, 30 * 86400.0
LONGEST_SECRET = 200  # bytes, by the specification
LONGEST_ADDRESS = 2000


class Refused(MillraceError):
    """The request cannot be granted; the text says why."""


async def hub(request: web.Request) -> web.Response:
    """POST /hub: subscribe or unsubscribe; `publish` needs no request, we know our news."""
    context = request.app[CONTEXT]
    if context.settings().service.private and (refused := refusal(request, context)):
        return refused
    try:
        form = await read_form(request)
        mode = form.get("hub.mode")
        if mode == "publish":
            return text_reply("thank you, news are sent as they come\n", status=202)
        if mode not in ("subscribe", "unsubscribe"):
            raise Refused("hub.mode is subscribe or unsubscribe")
        subscriber = _subscriber(form, public_base(request, context.settings()), context)
        await _ask_back(context, mode, subscriber)
    except StoreError:
        return text_reply("the store is away: try again later\n", status=503)
    except BodyRefused as error:
        return text_reply(f"{error}\n", status=error.status)
    except MillraceError as error:
        return text_reply(f"{error}\n", status=400)
    return text_reply("your callback will be asked\n", status=202)


async def about_hub(request: web.Request) -> web.Response:
    """GET /hub: what it is."""
    return text_reply("a WebSub hub: POST hub.mode, hub.topic and hub.callback\n")


def _subscriber(form: Mapping[str, str], base: str, context: Context) -> Subscriber:
    topic, callback = form.get("hub.topic", ""), form.get("hub.callback", "")
    if not callback or len(callback) > LONGEST_ADDRESS or web_url(callback, None) is None:
        raise Refused("hub.callback is an http or https address")
    secret = form.get("hub.secret") or None
    if secret is not None and len(secret.encode()) >= LONGEST_SECRET:
        raise Refused(f"hub.secret is shorter than {LONGEST_SECRET} bytes")
    answer_of(topic[:LONGEST_ADDRESS], base, context.settings(), context.river.newest())
    return Subscriber(topic=topic, base=base, callback=callback, secret=secret, lease=_lease(form))


def _lease(form: Mapping[str, str]) -> float:
    stated = form.get("hub.lease_seconds") or ""
    wanted = float(stated[:12]) if stated.isascii() and stated.isdigit() else USUAL_LEASE
    return min(max(wanted, SHORTEST_LEASE), LONGEST_LEASE)


async def _ask_back(context: Context, mode: str, subscriber: Subscriber) -> None:
    verification = Delivery(
        id=f"verify-{secrets.token_hex(16)}",
        kind="verify",
        url=subscriber.callback,
        headers={"mode": mode},
        body=subscriber.model_dump_json(),
    )
    if not await add_deliveries(context.store, [verification]):
        raise Refused("too much is waiting to be sent: try again later")
