"""What a reader sends: bodies and forms, read with a limit on bytes and on time.

A form is UTF-8 by definition (WHATWG URL, section 5.1); the charset that its sender declares is not
looked at. Python has codecs whose time grows with the square of the text: 400 kB declared as
`punycode` stopped the service for a minute.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from core.errors import MillraceError

FORM_TYPE = "application/x-www-form-urlencoded"
FORM_BYTES = 16_384  # the longest allowed topic, callback and secret, percent-encoded, are 13 kB
FORM_FIELDS = 50
BODY_SECONDS = 30.0  # from the head to the last byte; nginx grants 60 between two reads


class BodyRefused(MillraceError):
    """The body is too large or took too long; `status` is the HTTP status to answer with."""

    def __init__(self, reason: str, *, status: int) -> None:
        super().__init__(reason)
        self.status = status


async def read_body(request: web.Request, *, limit: int) -> bytes:
    """The whole body; raises BodyRefused when it is over `limit` bytes, packed or too slow."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise BodyRefused("send the body as it is, without Content-Encoding", status=415)
    if (request.content_length or 0) > limit:
        raise BodyRefused(f"the body is over {limit} bytes", status=413)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise BodyRefused(f"the body is over {limit} bytes", status=413)
    except TimeoutError as error:
        reason = f"the body took longer than {BODY_SECONDS:.0f} s"
        raise BodyRefused(reason, status=408) from error
    except web.RequestPayloadError as error:
        raise BodyRefused("the body is not what its head says", status=400) from error
    return bytes(body)


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form, the last of each name; none where the body is no form.

    Raises BodyRefused.
    """
    if request.content_type != FORM_TYPE:
        return {}
    body = await read_body(request, limit=FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FORM_FIELDS
        )
    except ValueError as error:
        raise BodyRefused(f"the form has over {FORM_FIELDS} fields", status=400) from error
    return dict(pairs)
