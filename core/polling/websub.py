"""WebSub, the pure part: Link headers, signatures, and what is known of a subscription."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Literal

from core.models import Frozen
from core.urls import web_url

_LINK = re.compile(
    r'<([^<>]{1,2000})>((?:\s*;\s*[\w*-]{1,20}\s*=\s*(?:"[^"]{0,200}"|[^\s";,]{0,200}))*)'
)
_REL = re.compile(r'(?:^|[;\s])rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))', re.IGNORECASE)
_METHODS = frozenset(("sha1", "sha256", "sha384", "sha512"))


class Subscription(Frozen):
    """What a hub was asked for on behalf of one source. Times are seconds of the store's clock."""

    id: str  # unguessable: who knows it may speak for the hub
    source: str
    topic: str
    hub: str
    secret: str  # key of the hub's signatures
    state: Literal["wanted", "active", "denied"] = "wanted"
    until: float | None = None  # end of the lease
    tries: int = 0  # requests to the hub that it did not confirm, in a row


def linked(headers: Iterable[str], relation: str, *, base: str) -> str | None:
    """The address of a relation in the `Link` headers of an answer."""
    for header in headers:
        for target, parameters in _LINK.findall(header[:8192]):
            found = _REL.search(parameters)
            if found and relation in (found[1] or found[2]).lower().split():
                return web_url(target, base)
    return None


def is_signed(header: str | None, body: bytes, *, secret: str) -> bool:
    """Whether `X-Hub-Signature` proves that the body comes from who knows the secret."""
    method, _, stated = (header or "").strip().partition("=")
    if method.lower() not in _METHODS or not stated.isascii():
        return False
    true = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(true, stated.strip().lower())


def signature(body: bytes, *, secret: str) -> str:
    """The value that proves to who knows the secret that the body is ours."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
