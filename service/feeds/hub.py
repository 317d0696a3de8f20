"""WebSub at this service: /hub, our own hub for the feeds of this service alone, and /websub/ID,
the callback of the hubs of our sources.

Requests to our hub are only stored here, a few for each client. Workers verify the callback and
send new entries through a guarded session, because anyone may name any address as a callback.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from core.errors import MillraceError, StoreError
from core.polling import HubSubscription, is_signed
from core.urls import web_url
from service.context import CONTEXT, Context, in_time
from service.documents import TooBusy
from service.feeds.handlers import feed_of
from service.feeds.stream import Pace
from service.responses import (
    BodyRefused,
    Handler,
    client_of,
    public_base,
    read_body,
    read_form,
    text_reply,
)
from store.websub import (
    Refusal,
    Subscriber,
    Verification,
    add_push,
    keep_subscription,
    load_subscription,
    request_verification,
    wake,
)

SHORTEST_LEASE, USUAL_LEASE, LONGEST_LEASE = 60.0, 10 * 86400.0, 30 * 86400.0  # seconds
LONGEST_SECRET = 200  # bytes (WebSub, section 5.1: "MUST be less than 200 bytes")
LONGEST_ADDRESS = 1000  # bytes of a topic or callback; what is stored of a stranger is small

RENEW_AT = 0.7  # of a lease
DENIED_SECONDS = 86400.0  # after which a hub that denied is requested again
CALLBACK = "/websub/{id}"
RECEIVED_AT_ONCE = 8  # pushes, one of each source; each is in memory, up to fetch.max_bytes.feed
RECEIVING = web.AppKey("receiving", set[str])

_REASONS: Mapping[Refusal, str] = {
    "full": "too many callbacks wait to be verified: try again in some minutes",
    "host": "too many callbacks of this host wait to be verified: try again in some minutes",
    "client": "too many of your callbacks wait to be verified: try again in some minutes",
    "silent": "callbacks of this host did not answer: try again in an hour",
}


class Refused(MillraceError):
    """The request is refused; the message gives the reason."""


# Requests to the hub that go on in one pass of the event loop, .4 ms each: 700 at once kept all
# others waiting for half a second.
HUB_PASS = 16
HUB_PACE = web.AppKey("hub pace", Pace)


async def hub(request: web.Request) -> web.Response:
    """POST /hub: subscribe or unsubscribe; `publish` is accepted and ignored."""
    context = request.app[CONTEXT]
    settings = context.settings()
    if not settings.service.hub:
        return text_reply("this service is no hub\n", status=404)
    try:
        await request.app[HUB_PACE].turn()
        form = await read_form(request)
        if form.get("hub.mode") == "publish":
            return text_reply("accepted: new entries are sent as they come\n", status=202)
        verification = _verification(form, request, context)
        async with in_time():
            reason = await request_verification(context.store, verification)
    except StoreError:
        return text_reply("the store is away: try again later\n", status=503)
    except BodyRefused as error:
        return text_reply(f"{error}\n", status=error.status)
    except MillraceError as error:
        return text_reply(f"{error}\n", status=400)
    if reason is not None:
        return text_reply(f"{_REASONS[reason]}\n", status=429, headers={"Retry-After": "600"})
    return text_reply("your callback will be verified\n", status=202)


async def about_hub(request: web.Request) -> web.Response:
    """GET /hub: one line that says what it is."""
    if not request.app[CONTEXT].settings().service.hub:
        return text_reply("this service is no hub\n", status=404)
    return text_reply("a WebSub hub: POST hub.mode, hub.topic and hub.callback\n")


def _verification(form: Mapping[str, str], request: web.Request, context: Context) -> Verification:
    mode = form.get("hub.mode")
    if mode not in ("subscribe", "unsubscribe"):
        raise Refused("hub.mode is subscribe or unsubscribe")
    topic, callback = form.get("hub.topic", ""), form.get("hub.callback", "")
    if len(topic.encode()) > LONGEST_ADDRESS or len(callback.encode()) > LONGEST_ADDRESS:
        raise Refused(f"hub.topic and hub.callback have at most {LONGEST_ADDRESS} bytes")
    if web_url(callback, None) is None:
        raise Refused("hub.callback is an http or https address")
    if not topic.isprintable():  # it goes back in a header of each delivery
        raise Refused("hub.topic is the address of a feed")
    secret = form.get("hub.secret") or None
    if secret is not None and len(secret.encode()) >= LONGEST_SECRET:
        raise Refused(f"hub.secret is shorter than {LONGEST_SECRET} bytes")
    base = public_base(request, context.settings())
    feed_of(topic, base, context.settings(), context.river.newest())
    subscriber = Subscriber(
        topic=topic,
        base=base,
        callback=callback,
        secret=secret,
        lease=_lease(form.get("hub.lease_seconds"), USUAL_LEASE),
        client=client_of(request),
    )
    return Verification(mode=mode, subscriber=subscriber)


def _lease(stated: str | None, unstated: float) -> float:
    """The seconds of a lease, as stated or else `unstated`, within our limits."""
    stated = stated or ""
    wanted = float(stated[:12]) if stated.isascii() and stated.isdigit() else unstated
    return min(max(wanted, SHORTEST_LEASE), LONGEST_LEASE)


def _while_the_store_answers(handler: Handler) -> Handler:
    """Answer 503 while the store is away: hubs repeat such requests."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except StoreError:
            return text_reply("try again later\n", status=503, headers={"Retry-After": "30"})

    return answer


@_while_the_store_answers
async def confirm(request: web.Request) -> web.Response:
    """GET: the hub verifies our subscription, or denies it."""
    context = request.app[CONTEXT]
    async with in_time():
        found = await load_subscription(context.store, request.match_info["id"][:100])
    query = request.query
    if found is None or query.get("hub.topic") != found.topic:
        return text_reply("unknown\n", status=404)
    if query.get("hub.mode") == "denied":
        denied = found.model_copy(update={"state": "denied", "until": None})
        await keep_subscription(context.store, denied, tend_after=DENIED_SECONDS)
        return text_reply("noted\n")
    challenge = query.get("hub.challenge", "")
    if query.get("hub.mode") != "subscribe" or not challenge:
        return text_reply("not asked for\n", status=404)
    await _activate(request, found, query.get("hub.lease_seconds", ""))
    return text_reply(challenge[:2000])


@_while_the_store_answers
async def receive(request: web.Request) -> web.Response:
    """POST: new content. The answer does not reveal whether its signature was right."""
    context, receiving = request.app[CONTEXT], request.app[RECEIVING]
    async with in_time():
        found = await load_subscription(context.store, request.match_info["id"][:100])
    if found is None:
        return text_reply("unknown\n", status=404)
    if found.source in receiving or len(receiving) >= RECEIVED_AT_ONCE:
        raise TooBusy("another push is being received; try again in a moment")
    limit = context.settings().fetch.max_bytes.feed
    receiving.add(found.source)
    try:
        body = await read_body(request, limit=limit)
    except BodyRefused as error:
        return text_reply(f"{error}\n", status=error.status)
    finally:
        receiving.discard(found.source)
    if is_signed(request.headers.get("X-Hub-Signature"), body, secret=found.secret):
        async with in_time():
            if body.strip():
                content_type = request.headers.get("Content-Type", "")[:200]
                await add_push(context.store, found.source, body=body, content_type=content_type)
            await wake(context.store, found.source)
    return text_reply("accepted\n", status=202)


async def _activate(request: web.Request, found: HubSubscription, stated: str) -> None:
    store = request.app[CONTEXT].store
    lease = _lease(stated, LONGEST_LEASE)
    active = found.model_copy(
        update={"state": "active", "until": await store.now() + lease, "tries": 0}
    )
    await keep_subscription(store, active, tend_after=lease * RENEW_AT)
