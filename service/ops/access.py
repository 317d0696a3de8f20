"""Access control, and the actions: requests that change state are POST and need the token."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from core.dedup.members import ChoiceRefused
from core.errors import Phrase, StoreError
from core.ids import PREFIX
from core.urls import web_url, without_credentials
from service.context import CONTEXT, Context, in_time
from service.feeds.hub import CALLBACK
from service.pages.page import missing
from service.pages.pictures import PICTURE
from service.responses import BodyRefused, json_reply, read_form, secured, wants_html
from store.curation import forget, join, split
from store.schedule import poll_now
from store.sources import lift_gone

# What is answered without the token even where `service.private` is set.
OPEN = frozenset(
    {
        "/health/live",  # a probe has no token
        "/health/ready",
        "/static/{name}",  # the same for all
        "/feed.xsl",
        PICTURE,  # its addresses are signed
        CALLBACK,  # a hub has no token; the address is a secret
        # Actions check the token by themselves: it may come in their form.
        "/sources/{source}/poll",
        "/stories/{id}/split",
        "/stories/{id}/join",
        "/forget",
    }
)


@web.middleware
async def private_reading(request: web.Request, handler: Handler) -> web.StreamResponse:
    """With `service.private`, every reader needs the token, except at the `OPEN` paths.

    Feed readers support basic authentication: any name, the token as password.
    """
    service = request.app[CONTEXT].settings().service
    resource = request.match_info.route.resource
    if not service.private or (resource is not None and resource.canonical in OPEN):
        return await handler(request)
    token = service.token
    given = (_bearer(request), _basic(request))
    if token is not None and any(_same(token, each) for each in given if each):
        return await handler(request)
    return web.Response(
        status=401,
        text="this feed is private: the token is the password\n",
        headers=secured({"WWW-Authenticate": 'Basic realm="Millrace", charset="UTF-8"'}),
    )


def action_refusal(request: web.Request, context: Context, form_token: str | None) -> Phrase | None:
    """Why this action is refused, or None.

    Basic authentication does not permit actions: browsers add it to forms of other sites.
    """
    token = context.settings().service.token
    if token is None:
        return Phrase("actions are off: set `service.token`", {})
    if _same(token, form_token or _bearer(request) or ""):
        return None
    return Phrase("wrong or missing token: it is `service.token` of feeds.yaml", {})


def form_may_help(request: web.Request, context: Context) -> bool:
    """Whether a token in its form may permit an action that the headers do not."""
    return context.settings().service.token is not None and _bearer(request) is None


def _bearer(request: web.Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _basic(request: web.Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _same(token: str, given: str) -> bool:
    return hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogateescape"))


async def poll(request: web.Request) -> web.StreamResponse:
    """POST /sources/NAME/poll: make this source due now."""
    refused, _ = await _form(request)
    if refused is not None:
        return refused
    name = request.match_info["source"]
    store = request.app[CONTEXT].store
    try:
        async with in_time():
            await lift_gone(store, name)
            scheduled = await poll_now(store, name)
    except StoreError as error:
        return _store_away(error)
    if not scheduled:
        return json_reply({"error": f"no source named {name} is polled"}, status=404)
    return json_reply({"source": name, "poll": "due now"}, status=202)


async def split_story(request: web.Request) -> web.StreamResponse:
    """POST /stories/ID/split: `entry` becomes a separate story."""
    return await _choose(request, "entry")


async def join_stories(request: web.Request) -> web.StreamResponse:
    """POST /stories/ID/join: the story `other` becomes part of this one."""
    return await _choose(request, "other")


async def forget_story(request: web.Request) -> web.StreamResponse:
    """POST /forget: remove the story at the address or id `url`, with its copies, for good."""
    refused, form = await _form(request)
    if refused is not None:
        return refused
    asked = (form.get("url") or request.query.get("url") or "").strip()
    if not (asked.startswith(PREFIX) or web_url(asked, None)):
        return json_reply({"error": "name the story: url=ADDRESS or url=ID"}, status=400)
    try:
        async with in_time():  # cut off, it is safe to repeat
            done = await forget(request.app[CONTEXT].store, asked)
    except StoreError as error:
        return _store_away(error)
    if wants_html(request):
        raise web.HTTPSeeOther("./")
    return json_reply({"url": asked, "stories": done.stories, "entries": done.entries})


async def _choose(request: web.Request, field: str) -> web.StreamResponse:
    refused, form = await _form(request)
    if refused is not None:
        return refused
    store, story = request.app[CONTEXT].store, request.match_info["id"]
    chosen = form.get(field, "").strip()
    try:
        async with in_time():
            shown = await (split if field == "entry" else join)(store, story, chosen)
    except ChoiceRefused as error:
        return await _refusal(request, error.phrase, 409)
    except StoreError as error:
        return _store_away(error)
    if wants_html(request):
        raise web.HTTPSeeOther(f"../{story}")
    return json_reply({"story": shown})


async def _form(request: web.Request) -> tuple[web.StreamResponse | None, Mapping[str, str]]:
    """The refusal, if there is one, and the fields of the form.

    The body is not read when the headers alone decide on the refusal.
    """
    context = request.app[CONTEXT]
    reason = action_refusal(request, context, None)
    form: Mapping[str, str] = {}
    if reason is None or form_may_help(request, context):
        try:
            form = await read_form(request)
        except BodyRefused as error:
            return json_reply({"error": str(error)}, status=error.status), {}
    if reason is not None:
        reason = action_refusal(request, context, form.get("token"))
    return (None if reason is None else await _refusal(request, reason, 403)), form


async def _refusal(request: web.Request, reason: Phrase, status: int) -> web.StreamResponse:
    """The response that refuses an action: a page for forms, else JSON."""
    if wants_html(request):
        return await missing(request, "refused", why=reason, status=status)
    return json_reply({"error": str(reason)}, status=status)


def _store_away(error: StoreError) -> web.Response:
    return json_reply({"error": without_credentials(str(error))}, status=503)
