"""Small answers with the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from service.headers import secured


def json_reply(value: Any, *, status: int = 200) -> web.Response:
    """`value` as JSON, indented: people read these too."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return web.Response(body=body, status=status, headers=secured(headers))


def text_reply(
    text: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """One line of plain text."""
    own = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return web.Response(
        body=text.encode(), status=status, headers=secured(own | dict(headers or {}))
    )


def wants_html(request: web.Request) -> bool:
    """Whether the reader is a browser: it names text/html before any JSON."""
    accepted = [part.split(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    html = accepted.index("text/html") if "text/html" in accepted else len(accepted)
    json = min((i for i, kind in enumerate(accepted) if "json" in kind), default=len(accepted))
    return html < json
