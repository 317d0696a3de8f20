"""Forms are UTF-8, small and read in time, whatever their sender says of them."""

from __future__ import annotations

import asyncio
import gzip
from urllib.parse import urlsplit

import pytest

from core.config.settings import ServiceSettings
from service import responses
from service.responses import FORM_BYTES, FORM_FIELDS
from tests.service.conftest import SETTINGS, Serve, Served


@pytest.fixture
async def acting(serve: Serve) -> Served:
    return await serve(SETTINGS.model_copy(update={"service": ServiceSettings(token="t0ken")}))


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "idna", "unicode_escape", "cp037"])
@pytest.mark.parametrize("path", ["/hub", "/forget", "/sources/first/poll", "/stories/x/split"])
async def test_the_charset_of_a_form_chooses_no_codec(
    acting: Served, path: str, charset: str
) -> None:
    headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}

    large = await acting.client.post(path, data=b"-" + b"b" * 400_000, headers=headers)
    small = await acting.client.post("/hub", data=b"hub.mode=publish", headers=headers)

    assert large.status == 413  # unread: 400 kB declared as punycode took a minute
    assert small.status == 202  # in punycode and cp037 it is another text


async def test_an_action_without_permission_is_refused_unread(acting: Served) -> None:
    headers = {"Content-Type": responses.FORM_TYPE, "Authorization": "Bearer wrong"}

    answer = await acting.client.post("/forget", data=b"x" * (FORM_BYTES + 1), headers=headers)

    assert answer.status == 403


async def test_a_form_has_a_bounded_number_of_fields(acting: Served) -> None:
    form = "&".join(f"f{number}=1" for number in range(FORM_FIELDS + 1))
    headers = {"Content-Type": responses.FORM_TYPE}

    assert (await acting.client.post("/hub", data=form, headers=headers)).status == 400


async def test_a_packed_body_is_not_unpacked(served: Served) -> None:
    headers = {"Content-Type": responses.FORM_TYPE, "Content-Encoding": "gzip"}

    answer = await served.client.post("/hub", data=gzip.compress(b"x" * 10**7), headers=headers)

    assert answer.status == 415


async def test_a_form_that_does_not_end_is_given_up(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "BODY_SECONDS", 0.1)
    where = urlsplit(str(served.client.make_url("/")))
    reader, writer = await asyncio.open_connection(where.hostname, where.port)

    writer.write(
        f"POST /hub HTTP/1.1\r\nHost: a\r\nContent-Type: {responses.FORM_TYPE}\r\n"
        "Content-Length: 100\r\n\r\nhub.mode".encode()
    )
    status = await asyncio.wait_for(reader.readline(), 5)

    assert b" 408 " in status
    writer.close()


async def test_a_form_in_broken_chunks_is_refused(served: Served) -> None:
    where = urlsplit(str(served.client.make_url("/")))
    reader, writer = await asyncio.open_connection(where.hostname, where.port)

    writer.write(
        f"POST /hub HTTP/1.1\r\nHost: a\r\nContent-Type: {responses.FORM_TYPE}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    await asyncio.sleep(0)
    writer.write(b"zz\r\nnot a chunk\r\n")
    status = await asyncio.wait_for(reader.readline(), 5)

    assert b" 400 " in status
    writer.close()
