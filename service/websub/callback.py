"""The callback that hubs call: to confirm a subscription, and with new content.

Its address holds a secret; content counts only if it is signed. Nothing is parsed here.
"""

from __future__ import annotations

from aiohttp import web

from core.errors import StoreError
from core.polling.politeness import Subscription, is_signed
from service.body import BodyRefused, read_body
from service.context import CONTEXT
from service.responses import Handler, text_reply
from store.websub import add_push, keep_subscription, load_subscription, wake

RENEW_AT = 0.7  # of a lease
_LEAST_LEASE = 60.0  # seconds; less is taken as this
_MOST_LEASE = 30 * 86400.0
DENIED_SECONDS = 86400.0  # after which a hub that denied is requested again
CALLBACK = "/websub/{id}"


def _while_the_store_answers(handler: Handler) -> Handler:
    """A hub that hears 503 comes again."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except StoreError:
            return text_reply("come again\n", status=503, headers={"Retry-After": "30"})

    return answer


@_while_the_store_answers
async def confirm(request: web.Request) -> web.Response:
    """GET: the hub asks whether we want this, or says that it will not."""
    context = request.app[CONTEXT]
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
    """POST: new content. An answer never says whether its signature was right."""
    context = request.app[CONTEXT]
    found = await load_subscription(context.store, request.match_info["id"][:100])
    if found is None:
        return text_reply("unknown\n", status=404)
    limit = context.settings().fetch.max_bytes.feed
    try:
        body = await read_body(request, limit=limit)
    except BodyRefused as error:
        return text_reply(f"{error}\n", status=error.status)
    if is_signed(request.headers.get("X-Hub-Signature"), body, secret=found.secret):
        if body.strip():
            content_type = request.headers.get("Content-Type", "")[:200]
            await add_push(context.store, found.source, body=body, content_type=content_type)
        await wake(context.store, found.source)
    return text_reply("accepted\n", status=202)


async def _activate(request: web.Request, found: Subscription, stated: str) -> None:
    store = request.app[CONTEXT].store
    lease = float(stated[:12]) if stated.isascii() and stated.isdigit() else _MOST_LEASE
    lease = min(max(lease, _LEAST_LEASE), _MOST_LEASE)
    active = found.model_copy(
        update={"state": "active", "until": await store.now() + lease, "tries": 0}
    )
    await keep_subscription(store, active, tend_after=lease * RENEW_AT)
