"""Who may read (when `service.private`) and who may act (always with the token)."""

from __future__ import annotations

import base64
import binascii
import hmac

from aiohttp import web

from service.context import Context
from service.headers import secured


def refusal(request: web.Request, context: Context) -> web.Response | None:
    """The answer to a reader without the token, or None for one who has it.

    Feed readers know basic authentication: any name, the token as password.
    """
    token = context.settings().service.token
    if token is not None and any(_same(token, given) for given in _credentials(request)):
        return None
    return web.Response(
        status=401,
        text="this feed is private: the token is the password\n",
        headers=secured({"WWW-Authenticate": 'Basic realm="Millrace", charset="UTF-8"'}),
    )


def action_refusal(request: web.Request, context: Context, form_token: str | None) -> str | None:
    """Why this action is refused, or None.

    Basic authentication does not count here: browsers send it along with a foreign site's form.
    """
    token = context.settings().service.token
    if token is None:
        return "actions are off: set service.token"
    given = form_token or _bearer(request) or ""
    return None if _same(token, given) else "wrong or missing token"


def form_may_help(request: web.Request, context: Context) -> bool:
    """Whether an action that the headers do not allow could be allowed by a token in its form."""
    return context.settings().service.token is not None and _bearer(request) is None


def _credentials(request: web.Request) -> list[str]:
    return [given for given in (_bearer(request), _basic(request)) if given]


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
