"""Forms are UTF-8, small and read in time; a request that fails is logged with its id."""

from __future__ import annotations

import asyncio
import gzip
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientError, ClientPayloadError, web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from core.config.settings import ServiceSettings
from service import responses
from service.responses import FORM_BYTES, FORM_FIELDS, guarded
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


async def _fails(_: web.Request) -> web.StreamResponse:
    raise ValueError("no reason")


async def _breaks_off(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"half")
    raise ValueError("no reason")


async def _is_left(request: web.Request) -> web.StreamResponse:
    await web.StreamResponse().prepare(request)
    raise ConnectionResetError("Cannot write to closing transport")


async def test_a_request_that_fails_is_logged_once_with_the_id_that_its_reader_gets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = web.Application()
    app.add_routes([web.get("/a", guarded(_fails)), web.get("/b", guarded(_breaks_off))])
    app.add_routes([web.get("/c", guarded(_is_left))])
    async with TestClient(TestServer(app)) as client:
        with capture_logs() as logs:
            whole = await client.get("/a", headers={"X-Request-ID": "of-the-proxy"})
            text = await whole.text()
            half = await client.get("/b", headers={"X-Request-ID": "second"})
            with pytest.raises(ClientPayloadError):
                await half.read()
            with pytest.raises(ClientError):
                await (await client.get("/c")).read()

    assert (whole.status, whole.headers["X-Request-ID"]) == (500, "of-the-proxy")
    assert "of-the-proxy" in text
    assert "no reason" not in text
    assert [(line["event"], line["request"]) for line in logs] == [
        ("request.failed", "of-the-proxy"),
        ("request.failed", "second"),
    ]
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []  # nor again by aiohttp
