"""What changes state: POST only, and only with the token, by a script or by a form of our pages."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from core.dedup.curation import ChoiceRefused
from core.errors import StoreError
from core.ids import PREFIX
from core.redact import without_credentials
from core.urls import web_url
from service.body import BodyRefused, read_form
from service.context import CONTEXT
from service.ops.access import action_refusal, form_may_help
from service.responses import json_reply, wants_html
from store.curation import join, split
from store.forget import forget
from store.schedule import poll_now


async def poll(request: web.Request) -> web.Response:
    """POST /sources/NAME/poll: ask this source now."""
    refused, _ = await _form(request)
    if refused is not None:
        return refused
    name = request.match_info["source"]
    try:
        scheduled = await poll_now(request.app[CONTEXT].store, name)
    except StoreError as error:
        return _away(error)
    if not scheduled:
        return json_reply({"error": f"no source named {name} is polled"}, status=404)
    return json_reply({"source": name, "poll": "due now"}, status=202)


async def split_story(request: web.Request) -> web.Response:
    """POST /stories/ID/split: `entry` becomes a story of its own."""
    return await _choose(request, "entry")


async def join_stories(request: web.Request) -> web.Response:
    """POST /stories/ID/join: the story `other` becomes part of this one."""
    return await _choose(request, "other")


async def forget_story(request: web.Request) -> web.Response:
    """POST /forget: the story at the address or id `url` goes, with its copies, and stays out."""
    refused, form = await _form(request)
    if refused is not None:
        return refused
    asked = (form.get("url") or request.query.get("url") or "").strip()
    if not (asked.startswith(PREFIX) or web_url(asked, None)):
        return json_reply({"error": "say which story: url=ADDRESS or url=ID"}, status=400)
    try:
        done = await forget(request.app[CONTEXT].store, asked)
    except StoreError as error:
        return _away(error)
    if wants_html(request):
        raise web.HTTPSeeOther("./")
    return json_reply({"url": asked, "stories": done.stories, "entries": done.entries})


async def _choose(request: web.Request, field: str) -> web.Response:
    refused, form = await _form(request)
    if refused is not None:
        return refused
    store, story = request.app[CONTEXT].store, request.match_info["id"]
    chosen = form.get(field, "").strip()
    try:
        shown = await (split if field == "entry" else join)(store, story, chosen)
    except ChoiceRefused as error:
        return json_reply({"error": str(error)}, status=409)
    except StoreError as error:
        return _away(error)
    if wants_html(request):
        raise web.HTTPSeeOther(f"../{story}")
    return json_reply({"story": shown})


async def _form(request: web.Request) -> tuple[web.Response | None, Mapping[str, str]]:
    """The refusal, if there is one, and the fields that were sent.

    The body of a request that its headers refuse for good is never read.
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
    return (None if reason is None else json_reply({"error": reason}, status=403)), form


def _away(error: StoreError) -> web.Response:
    return json_reply({"error": without_credentials(str(error))}, status=503)
