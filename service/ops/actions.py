"""What needs the token: reading where `service.private` is set, and the actions, which are POST."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps

from aiohttp import web
from aiohttp.typedefs import Handler

from core.dedup.members import ChoiceRefused
from core.errors import Phrase, StoreError
from core.ids import PREFIX
from core.urls import web_url, without_credentials
from service.context import CONTEXT, in_time
from service.feeds.hub import CALLBACK
from service.pages.page import missing
from service.pages.pictures import PICTURE
from service.responses import BodyRefused, json_reply, read_form, secured, wants_html
from store.connection import Store
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


Act = Callable[[web.Request, Mapping[str, str]], Awaitable[web.StreamResponse]]


def _action(act: Act) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of an action: checks the token, passes on the form, reports refusals."""

    @wraps(act)
    async def handler(request: web.Request) -> web.StreamResponse:
        # A token in the form may permit what the headers do not. The body is not read when the
        # headers alone decide on the refusal.
        reason, form = _refusal(request, None), dict[str, str]()
        actions_are_on = request.app[CONTEXT].settings().service.token is not None
        if reason is None or (actions_are_on and _bearer(request) is None):
            try:
                form = await read_form(request)
            except BodyRefused as error:
                return json_reply({"error": str(error)}, status=error.status)
        if reason is not None and (reason := _refusal(request, form.get("token"))) is not None:
            return await _refused(request, reason, 403)
        try:
            async with in_time():
                return await act(request, form)
        except ChoiceRefused as error:
            return await _refused(request, error.phrase, 409)
        except StoreError as error:
            return json_reply({"error": without_credentials(str(error))}, status=503)

    return handler


def _refusal(request: web.Request, form_token: str | None) -> Phrase | None:
    """Why an action is refused, or None.

    Basic authentication does not permit actions: browsers add it to forms of other sites.
    """
    token = request.app[CONTEXT].settings().service.token
    if token is None:
        return Phrase("actions are off: set `service.token`", {})
    if _same(token, form_token or _bearer(request) or ""):
        return None
    return Phrase("wrong or missing token: it is `service.token` of feeds.yaml", {})


async def _refused(request: web.Request, reason: Phrase, status: int) -> web.StreamResponse:
    """The response that refuses an action: a page for forms, else JSON."""
    if wants_html(request):
        return await missing(request, "refused", why=reason, status=status)
    return json_reply({"error": str(reason)}, status=status)


@_action
async def poll(request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
    """POST /sources/NAME/poll: make this source due now."""
    name, store = request.match_info["source"], request.app[CONTEXT].store
    await lift_gone(store, name)
    if not await poll_now(store, name):
        return json_reply({"error": f"no source named {name} is polled"}, status=404)
    return json_reply({"source": name, "poll": "due now"}, status=202)


@_action
async def split_story(request: web.Request, form: Mapping[str, str]) -> web.StreamResponse:
    """POST /stories/ID/split: `entry` becomes a separate story."""
    return await _chosen(request, split, form.get("entry", ""))


@_action
async def join_stories(request: web.Request, form: Mapping[str, str]) -> web.StreamResponse:
    """POST /stories/ID/join: the story `other` becomes part of this one."""
    return await _chosen(request, join, form.get("other", ""))


async def _chosen(
    request: web.Request, choose: Callable[[Store, str, str], Awaitable[str]], other: str
) -> web.StreamResponse:
    shown = await choose(request.app[CONTEXT].store, request.match_info["id"], other.strip())
    if wants_html(request):
        raise web.HTTPSeeOther(f"../{request.match_info['id']}")
    return json_reply({"story": shown})


@_action
async def forget_story(request: web.Request, form: Mapping[str, str]) -> web.StreamResponse:
    """POST /forget: remove the story at the address or id `url`, with its copies, for good.

    Cut off by the time limit, it is safe to repeat.
    """
    asked = (form.get("url") or request.query.get("url") or "").strip()
    if not (asked.startswith(PREFIX) or web_url(asked, None)):
        return json_reply({"error": "name the story: url=ADDRESS or url=ID"}, status=400)
    done = await forget(request.app[CONTEXT].store, asked)
    if wants_html(request):
        raise web.HTTPSeeOther("./")
    return json_reply({"url": asked, "stories": done.stories, "entries": done.entries})
