"""What changes state: POST only, and only with the token."""

from __future__ import annotations

from aiohttp import web

from core.errors import StoreError
from service.access import action_refusal
from service.context import CONTEXT, Context
from service.replies import json_reply
from store.schedule import poll_now


async def poll(request: web.Request) -> web.Response:
    """POST /sources/NAME/poll: ask this source now."""
    context = request.app[CONTEXT]
    if refused := await _refused(request, context):
        return refused
    name = request.match_info["source"]
    try:
        scheduled = await poll_now(context.store, name)
    except StoreError as error:
        return json_reply({"error": str(error)}, status=503)
    if not scheduled:
        return json_reply({"error": f"no source named {name} is polled"}, status=404)
    return json_reply({"source": name, "poll": "due now"}, status=202)


async def _refused(request: web.Request, context: Context) -> web.Response | None:
    form = await request.post() if request.content_type.endswith("form-urlencoded") else {}
    given = form.get("token")
    reason = action_refusal(request, context, given if isinstance(given, str) else None)
    return None if reason is None else json_reply({"error": reason}, status=403)
