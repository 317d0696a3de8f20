from __future__ import annotations

import asyncio
import gzip
import os
import socket
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import brotli
import pytest

from core.config.settings import FetchSettings
from core.errors import Disallowed, FetchError, ForbiddenAddress, TooLarge, Unreachable
from tests.origin import Answer, Origin, Request
from workers.http.client import Fetcher
from workers.http.response import Access

FEED = b"<rss><channel><title>x</title></channel></rss>"


def fetcher_for(*origins: Origin, **settings: Any) -> Fetcher:
    allowed = [origin.allowance for origin in origins]
    return Fetcher(FetchSettings.model_validate({"allow_private": allowed, **settings}))


@pytest.fixture
async def fetcher(origin: Origin) -> AsyncIterator[Fetcher]:
    async with fetcher_for(origin, timeout="2s") as opened:
        yield opened


async def test_an_answer_arrives_with_its_validators_byte_for_byte(
    origin: Origin, fetcher: Fetcher
) -> None:
    tag = "W/unquoted;\"'*odd"
    url = origin.at("/feed", Answer(FEED, headers={"ETag": tag, "Last-Modified": "yesterday"}))

    first = await fetcher.get(url)
    second = await fetcher.get(url, etag=first.etag, last_modified=first.last_modified)

    assert (first.status, first.body, first.complete, first.framed) == (200, FEED, True, True)
    assert (second.status, second.body, second.complete) == (304, b"", True)
    sent = origin.asked("/feed")[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == (tag, "yesterday")


async def test_a_request_says_who_asks_and_nothing_more(origin: Origin, fetcher: Fetcher) -> None:
    url = origin.at("/feed", Answer(FEED, headers={"Set-Cookie": "a=b"}))

    await fetcher.get(url)
    await fetcher.get(url)

    for request in origin.requests:
        assert set(request.headers) == {
            "host", "user-agent", "accept", "accept-encoding", "accept-language",
        }  # fmt: skip
        assert request.headers["user-agent"] == fetcher.settings.user_agent


async def test_proxies_and_passwords_of_the_environment_are_not_used(
    origin: Origin, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setitem(os.environ, "http_proxy", "http://127.0.0.1:9")

    assert (await fetcher.get(origin.at("/feed", Answer(FEED)))).status == 200


@pytest.mark.parametrize(
    ("coding", "data"),
    [("gzip", gzip.compress(FEED)), ("br", brotli.compress(FEED)), ("gzip", FEED)],
    ids=["gzip", "br", "said to be gzip"],
)
async def test_compressed_bodies_are_undone(
    origin: Origin, fetcher: Fetcher, coding: str, data: bytes
) -> None:
    url = origin.at("/feed", Answer(data, headers={"Content-Encoding": coding}))

    assert (await fetcher.get(url)).body == FEED


async def test_redirects_are_followed_and_remembered_while_they_are_permanent(
    origin: Origin, fetcher: Fetcher
) -> None:
    origin.at("/feed", Answer(FEED))
    origin.at("/moved", Answer(status=301, headers={"Location": "/feed#top"}))
    origin.at("/moved-for-now", Answer(status=302, headers={"Location": "/feed"}))
    origin.at("/both", Answer(status=308, headers={"Location": "/moved-for-now"}))

    moved = await fetcher.get(origin.url("/moved"))
    temporary = await fetcher.get(origin.url("/moved-for-now"))
    both = await fetcher.get(origin.url("/both"))

    assert moved.url == moved.permanent_redirect == origin.url("/feed")
    assert (temporary.url, temporary.permanent_redirect) == (origin.url("/feed"), None)
    assert both.permanent_redirect == origin.url("/moved-for-now")
    assert all("referer" not in request.headers for request in origin.requests)


async def test_the_body_of_a_redirect_need_not_end(origin: Origin, fetcher: Fetcher) -> None:
    origin.at(
        "/old",
        Answer("x" * 999, status=302, headers={"Location": "/new"}, length=False, endless=True),
    )
    origin.at("/new", Answer("here"))

    assert (await fetcher.get(origin.url("/old"))).body == b"here"


async def test_redirects_end_after_five(origin: Origin, fetcher: Fetcher) -> None:
    def longer(request: Request) -> Answer:
        return Answer(status=302, headers={"Location": request.path + "x"})

    origin.otherwise(longer)
    origin.at("/loop", Answer(status=301, headers={"Location": "/loop"}))

    for path in ("/loop", "/growing"):
        with pytest.raises(FetchError, match="more than 5 redirects"):
            await fetcher.get(origin.url(path))
    assert len(origin.asked("/loop")) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "gopher://x/", "ftp://x/", "javascript:1", "data:,x", "//"]
)
async def test_redirects_lead_to_web_addresses_only(
    origin: Origin, fetcher: Fetcher, target: str
) -> None:
    url = origin.at("/", Answer(status=302, headers={"Location": target}))

    with pytest.raises(FetchError):
        await fetcher.get(url)


FORBIDDEN_HOSTS = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fec0::1]", "[ff02::1]",
    "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "x@127.0.0.1", "127.0.0.1%2f", "127.000.000.001",
]  # fmt: skip


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
async def test_no_spelling_of_an_inner_address_is_connected_to(origin: Origin, host: str) -> None:
    async with Origin() as inner, fetcher_for(origin, ports=[inner.port]) as fetcher:
        target = f"http://{host}:{inner.port}/"
        url = origin.at(
            "/", Answer(status=302, headers={"Location": target.encode().decode("latin-1")})
        )

        for start in (target, url):
            with pytest.raises(FetchError):
                await fetcher.get(start)

        assert inner.requests == []


async def test_a_name_that_leads_inside_is_refused_whatever_it_resolves_to_next(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def rebinding(*_: Any, **__: Any) -> list[Any]:
        where = (next(answers, "127.0.0.1"), origin.port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where)]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    next(answers)
    async with Fetcher(FetchSettings(ports=(origin.port,))) as fetcher:
        with pytest.raises(ForbiddenAddress, match=r"rebind\.example is refused"):
            await fetcher.get(f"http://rebind.example:{origin.port}/")

    assert origin.requests == []


async def test_names_whose_servers_do_not_answer_delay_no_other(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the six threads of the event loop they delayed all lookups, and what else runs there."""
    over, real = threading.Event(), socket.getaddrinfo

    def resolve(host: str, *arguments: Any, **named: Any) -> list[Any]:
        if host.endswith("slow.example"):
            over.wait(20)
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return real("127.0.0.1", *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    settings = FetchSettings.model_validate({"allow_private": [f"127.0.0.1:{origin.port}"]})
    origin.at("/", Answer(FEED))
    async with Fetcher(settings) as fetcher:
        slow = [asyncio.create_task(fetcher.get(f"http://{n}.slow.example/")) for n in range(100)]
        await asyncio.sleep(0)  # they begin
        async with asyncio.timeout(10):
            answer = await fetcher.get(f"http://quick.example:{origin.port}/")
            assert await asyncio.to_thread(len, "four") == 4
        assert answer.status == 200

        over.set()
        faults = await asyncio.gather(*slow, return_exceptions=True)
    assert {type(fault) for fault in faults} == {Unreachable}


async def test_only_listed_ports_and_the_sources_own_are_asked(origin: Origin) -> None:
    async with Fetcher(FetchSettings()) as fetcher:
        with pytest.raises(ForbiddenAddress, match=f"port {origin.port}"):
            await fetcher.get(f"http://news.example:{origin.port}/")
        with pytest.raises(ForbiddenAddress, match="refused by the address guard") as refused:
            await fetcher.get(origin.url("/"), access=Access(origin.url("/")))
    assert f'write `allow_private: ["127.0.0.1:{origin.port}"]` under `fetch:`' in str(
        refused.value
    )


async def test_secrets_of_a_source_stay_with_its_own_host(origin: Origin) -> None:
    async with Origin() as other, fetcher_for(origin, other) as fetcher:
        other.at("/feed", Answer(FEED))
        origin.at("/here", Answer(status=302, headers={"Location": "/there"}))
        origin.at("/there", Answer(status=302, headers={"Location": other.url("/feed")}))
        access = Access(origin.url("/here"), auth="ann:påss", headers={"X-Key": "k"})

        await fetcher.get(origin.url("/here"), access=access)

        for request in origin.requests:
            assert request.headers["authorization"] == "Basic YW5uOnDDpXNz"
            assert request.headers["x-key"] == "k"
        assert {"authorization", "x-key"}.isdisjoint(other.requests[0].headers)


async def test_a_source_can_be_asked_through_a_proxy(origin: Origin) -> None:
    origin.otherwise(lambda _: Answer(FEED))
    access = Access("http://news.example/feed", proxy=origin.address)
    async with Fetcher(FetchSettings()) as fetcher:
        answer = await fetcher.get("http://news.example/feed", access=access)

        assert answer.body == FEED
        assert origin.requests[0].path == "http://news.example/feed"
        spelled = ("127.0.0.1", "[::1]", "printer", "nas.local", "127.0x0.0.1", "%31%32%37.0.0.1")
        for inner in (*spelled, "redis.default.svc"):
            with pytest.raises(ForbiddenAddress, match="fetched through a proxy"):
                await fetcher.get(f"http://{inner}/", access=access)
        assert len(origin.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(FEED * 100, cut=500),
        Answer(FEED * 100, chunked=True, cut=500),
        Answer(gzip.compress(os.urandom(3000))[:2000], headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_a_body_that_breaks_off_is_not_complete(
    origin: Origin, fetcher: Fetcher, answer: Answer
) -> None:
    response = await fetcher.get(origin.at("/feed", answer))

    assert not response.complete
    assert response.body


async def test_a_body_without_announced_length_is_not_known_to_be_whole(
    origin: Origin, fetcher: Fetcher
) -> None:
    response = await fetcher.get(origin.at("/feed", Answer(FEED, length=False)))

    assert (response.body, response.complete, response.framed) == (FEED, True, False)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"x" * 5000),
        Answer(b"x" * 5000, chunked=True),
        Answer(b"x" * 5000, length=False),
        Answer(b"x" * 65536, endless=True, length=False),
        Answer(gzip.compress(bytes(10**7)), headers={"Content-Encoding": "gzip"}),
        Answer(b"x", headers={"Content-Length": "99999999999999999999999"}),
    ],
)
async def test_bodies_end_at_their_limit(origin: Origin, fetcher: Fetcher, answer: Answer) -> None:
    with pytest.raises(FetchError):
        await fetcher.get(origin.at("/feed", answer), max_bytes=4096)


async def test_a_large_body_says_that_it_is_too_large(origin: Origin, fetcher: Fetcher) -> None:
    with pytest.raises(TooLarge, match="5000 bytes announced, 4096 allowed"):
        await fetcher.get(origin.at("/feed", Answer(b"x" * 5000)), max_bytes=4096)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(FEED, delay=60),
        Answer(FEED * 100, drip=0.05),
        Answer(FEED, status=302, headers={"Location": "/slow"}, delay=0.3),
    ],
)
async def test_the_whole_of_a_request_has_one_time_limit(origin: Origin, answer: Answer) -> None:
    started = time.monotonic()
    async with fetcher_for(origin, timeout="500ms") as fetcher:
        with pytest.raises(FetchError, match="did not answer"):
            await fetcher.get(origin.at("/slow", answer))

    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(reset=True),
        Answer(raw=b""),
        Answer(raw=b"garbage\r\n\r\n"),
        Answer(raw=b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000),
        Answer(raw=b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Answer(b"\x1f\x8bjunk" * 30, headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_broken_answers_are_errors_of_ours_in_one_line(
    origin: Origin, fetcher: Fetcher, answer: Answer
) -> None:
    url = origin.at("/feed", answer)

    fault = await fault_of(fetcher, url)

    assert fault.isprintable()
    assert len(fault) < 300


async def fault_of(fetcher: Fetcher, url: str) -> str:
    try:
        response = await fetcher.get(url)
    except FetchError as error:
        return str(error)
    assert not response.complete
    return "torn off"


async def test_a_server_that_hangs_up_is_not_asked_twice(origin: Origin, fetcher: Fetcher) -> None:
    with pytest.raises(FetchError):
        await fetcher.get(origin.at("/feed", Answer(reset=True)))

    assert len(origin.requests) == 1


@pytest.mark.parametrize("raw", [b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 999])
async def test_errors_do_not_tell_the_key_in_an_address(
    origin: Origin, fetcher: Fetcher, raw: bytes
) -> None:
    origin.otherwise(lambda _: Answer(raw=raw))

    assert "secret" not in await fault_of(fetcher, origin.url("/feed?key=secret"))


async def test_errors_do_not_carry_control_characters_of_the_server(
    origin: Origin, fetcher: Fetcher
) -> None:
    url = origin.at("/", Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: \x1b[31m5\r\n\r\n"))

    with pytest.raises(FetchError) as caught:
        await fetcher.get(url)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://", "http:///x", "http://a.example:99999/", "http://[::1/", "http://a b/"],
)
async def test_what_is_no_address_is_not_asked(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(FetchError):
        await fetcher.get(url)


async def test_an_address_is_sent_as_it_is_written(origin: Origin, fetcher: Fetcher) -> None:
    paths = ["/%7Ea/%e4?b=%20+%2B&c=a%2fb", "/?b&a", "/a//b/../c"]
    for path in paths:
        await fetcher.get(origin.url(path))
    await fetcher.get(origin.url("/新闻?q=天 气"))

    assert [request.path for request in origin.requests[:3]] == paths
    assert origin.requests[3].path == "/%E6%96%B0%E9%97%BB?q=%E5%A4%A9+%E6%B0%94"


async def test_each_hop_is_allowed_or_not_made(origin: Origin, fetcher: Fetcher) -> None:
    origin.at("/a", Answer(status=302, headers={"Location": "/private/b"}))

    async def allowed(url: str) -> bool:
        return "/private/" not in url

    with pytest.raises(Disallowed):
        await fetcher.get(origin.url("/a"), allowed=allowed)

    assert [request.path for request in origin.requests] == ["/a"]
