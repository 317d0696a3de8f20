"""Whatever stands in a query or is posted: an answer that says what is wrong, never a fault."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.polling import HubSubscription
from store.websub import keep_subscription, pushes_waiting
from tests.service.conftest import Serve, Served, make_story

fuzz = settings(
    max_examples=25 * int(os.environ.get("MILLRACE_FUZZ", "1")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
values = st.text(max_size=40) | st.sampled_from(
    ["0", "-1", "1e3", "9" * 30, "२", "2026-01-31", "2026-13-01T00:00", "first", "*", "\x00", "%00",
     "urn:millrace:" + "0" * 32, "https://first.example/1", "http://[", "hans", "summary", "null"]
)  # fmt: skip
feed_queries = st.lists(
    st.tuples(
        st.sampled_from("limit since q source tag page content variant x".split()), values
    ),
    max_size=5,
)  # fmt: skip
hub_queries = st.lists(
    st.tuples(
        st.sampled_from([f"hub.{n}" for n in ("mode", "topic", "challenge", "lease_seconds")]),
        values | st.sampled_from(["subscribe", "unsubscribe", "denied", "https://first.example/f"]),
    ),
    max_size=5,
)
addresses = st.text(max_size=60) | st.sampled_from(
    ["https://[::1", "http://[::1]:99999/", "https://c.example:0/", "https://u:p@c.example/", "//c",
     "https://c.example/\ud800", "http://c.example/%", "https://\u0130.example/", "http://a" * 200,
     "https://c.example?hub.topic=x#y", "HTTPS://C.EXAMPLE", "http://127.1/", "feed.xml", "http://"]
)  # fmt: skip
hub_forms = st.fixed_dictionaries(
    {
        "hub.mode": st.sampled_from(["subscribe", "unsubscribe", "publish"]) | values,
        "hub.topic": st.sampled_from(["feed.xml", "tags/world/feed.json?q=%00", "feed.atom?page=2"])
        | addresses,
        "hub.callback": addresses,
    },
    optional={"hub.secret": values, "hub.lease_seconds": values, "hub.foo": values},
)
CALLBACK = "/websub/only-hubs-know"


@pytest.fixture
async def served(serve: Serve) -> Served:
    """One service for all examples, with two stories and a subscription."""
    started = await serve()
    await started.publish(make_story(1), make_story(2))
    wanted = HubSubscription(
        id="only-hubs-know", source="first", topic="https://first.example/f",
        hub="https://hub.example/", secret="known to the hub",
    )  # fmt: skip
    await keep_subscription(started.store, wanted, tend_after=1000)
    return started


@given(path=st.sampled_from(["/feed.xml", "/feed.atom", "/feed.json"]), query=feed_queries)
@fuzz
async def test_any_query_of_a_feed_is_answered_or_refused(
    served: Served, path: str, query: list[tuple[str, str]]
) -> None:
    answer = await served.client.get(path, params=query)

    assert answer.status in (200, 400), await answer.text()


@given(query=st.lists(st.tuples(st.sampled_from(["url", "id", "x"]), values), max_size=3))
@fuzz
async def test_any_question_for_an_explanation_is_answered(
    served: Served, query: list[tuple[str, str]]
) -> None:
    answer = await served.client.get("/explain", params=query)

    assert answer.status in (200, 400, 404), await answer.text()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@given(query=hub_queries, body=st.binary(max_size=200), signature=values)
@fuzz
async def test_whatever_is_said_to_the_callback_nothing_unsigned_is_taken(
    served: Served, query: list[tuple[str, str]], body: bytes, signature: str
) -> None:
    printable = "".join(sign for sign in signature if sign.isprintable())

    asked = await served.client.get(CALLBACK, params=query)
    posted = await served.client.post(
        CALLBACK, params=query, data=body, headers={"X-Hub-Signature": printable}
    )

    assert asked.status in (200, 404), await asked.text()
    assert asked.content_type == "text/plain"
    assert posted.status == 202
    assert await pushes_waiting(served.store, "first") == 0


@given(form=hub_forms)
@fuzz
async def test_any_form_to_the_hub_is_taken_or_refused(
    served: Served, form: dict[str, str]
) -> None:
    topic = str(served.client.make_url("/")) + form["hub.topic"]
    body = urlencode(form | {"hub.topic": topic}, errors="surrogatepass")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = await served.client.post("/hub", data=body, headers=headers)

    assert answer.status in (202, 400, 429), await answer.text()


@given(body=st.binary(max_size=200))
@fuzz
async def test_any_bytes_as_a_form_are_taken_or_refused(served: Served, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    for path in ("/hub", "/forget", "/stories/x/join"):
        answer = await served.client.post(path, data=body, headers=headers)

        assert answer.status in (202, 400, 403, 409, 429), await answer.text()


heads = st.lists(
    st.sampled_from(
        [b"GET ", b"HEAD ", b"POST ", b"PRI * ", b"/feed.xml", b"/stream", b"/hub", b"/stories/x",
         b"/%00", b"/..//static/", b"http://[", b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b"\r\n",
         b"\r\n", b"\n", b"\r\n\r\n", b"\r\n\r\n", b"Host: a", b"Host: a\r\nHost: b", b"X-A: \x00",
         b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999", b"hello",
         b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", b"ffffffff\r\n",
         b"Connection: upgrade", b"Upgrade: websocket", b"Expect: 100-continue",
         b"Content-Encoding: gzip", b"Content-Type: multipart/form-data; boundary=x", b"\xff\xfe"]
    )
    | st.binary(max_size=20),
    max_size=20,
).map(b"".join)  # fmt: skip


@given(pieces=st.lists(heads, min_size=1, max_size=3))
@fuzz
async def test_any_bytes_on_a_connection_leave_the_service_answering(
    served: Served, pieces: list[bytes]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.client.port)
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(5):
            answered = await reader.read(200)  # of a stream no end comes
        assert not answered or answered.startswith(b"HTTP/1.")
    writer.close()

    assert (await served.client.get("/health/live")).status == 200


request_headers = st.dictionaries(
    st.sampled_from(
        "Accept Accept-Encoding Accept-Language If-None-Match If-Modified-Since A-IM Last-Event-ID "
        "Sec-Fetch-Dest X-Forwarded-Host X-Forwarded-For X-Forwarded-Prefix Authorization Range "
        "Cookie X-Request-ID Content-Type".split()
    ),
    values.filter(str.isprintable)
    | st.sampled_from(["gzip;q=0, *;q=9", "document", "feed", '"x", W/"y-gz"', "::1%a, [", "/a/"]),
)  # fmt: skip


@given(
    path=st.sampled_from(
        ["/feed.xml", "/", "/sources", "/about", "/metrics", "/stories/x", "/hub"]
    ),
    headers=request_headers,
)
@fuzz
async def test_any_header_is_taken_or_ignored(
    served: Served, path: str, headers: dict[str, str]
) -> None:
    answer = await served.client.get(path, headers=headers)

    assert answer.status in (200, 226, 304, 400, 404), await answer.text()
    await answer.read()
