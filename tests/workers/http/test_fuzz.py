"""Whatever servers answer: bytes under the limit or an error of ours, and no inner machine."""

from __future__ import annotations

import gzip
import ipaddress
import os
import zlib
from contextlib import suppress
from urllib.parse import urlsplit

import brotli
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from core.errors import FetchError
from core.polling import freshness, link_target, retry_after, robots_allow
from workers.http.address_guard import Guard, is_public_name
from workers.http.decoding import Decoding
from workers.http.response import Response, as_sent, origin_of, redirect_target

LIMIT = 10_000
fuzz = settings(max_examples=60 * int(os.environ.get("MILLRACE_FUZZ", "1")), deadline=None)

plain = st.binary(max_size=300) | st.sampled_from([b"", b"<rss>" * 50, b"\0" * 50_000])
packed = plain | st.builds(gzip.compress, plain) | st.builds(brotli.compress, plain)
packed |= st.builds(zlib.compress, plain) | st.builds(gzip.compress, packed)
torn = st.tuples(packed, st.integers(0, 400), st.binary(max_size=5)).map(
    lambda parts: parts[0][: parts[1]] + parts[2]
)
codings = st.lists(
    st.sampled_from(["gzip", "x-gzip", "deflate", "br", "zstd", "identity", "", "GZIP ", "aes128"]),
    max_size=5,
).map(",".join)
addresses = st.text(max_size=60) | st.lists(
    st.sampled_from(
        "http: https: // / @ : [ ] ::1 ::ffff:127.0.0.1 127.1 0x7f.1 2130706433 %31 \u3002 \uff11"
        " \u2460 localhost .local example.org ? # .. \t \\ xn-- \ud800 :99999 :0 user: ".split(" ")
    ),
    max_size=8,
).map("".join)
headers = st.text(max_size=40) | st.sampled_from(
    ["max-age=" + "9" * 30, "max-age=-1", "-1", "1e9", "Wed, 31 Feb 2026 00:00:00 GMT",
     "<:>;rel=hub"]
)  # fmt: skip


@given(codings, st.lists(packed | torn, max_size=3))
@fuzz
def test_any_body_stays_under_its_limit_or_is_refused(coding: str, pieces: list[bytes]) -> None:
    with suppress(FetchError):
        decoding = Decoding(coding, limit=LIMIT)
        for piece in pieces:
            decoding.feed(piece)
        assert len(decoding.finish()[0]) <= LIMIT


@given(addresses, st.sampled_from([301, 302, 303, 307, 308, 200]))
@fuzz
def test_any_redirect_leads_to_an_address_or_to_an_error_of_ours(text: str, status: int) -> None:
    sent = text.encode("utf-8", "surrogatepass").decode(
        "utf-8", "surrogateescape"
    )  # as aiohttp does
    named = CIMultiDictProxy(CIMultiDict({"Location": sent}))
    with suppress(FetchError):
        target = redirect_target(Response(status, "https://n.example/f", named, b"", True, 0.1))
        if target is not None:
            assert "@" not in urlsplit(target).netloc  # no name and no password of theirs
            with suppress(ValueError):  # what the client catches of it, too
                origin_of(target), as_sent(target)


@given(addresses)
@fuzz
def test_no_host_that_is_an_address_counts_as_a_public_name(host: str) -> None:
    with suppress(ValueError):
        ipaddress.ip_address(host)
        assert not is_public_name(host)
    assert not Guard().allows(host, 80) or ipaddress.ip_address(host).is_global


answered = st.dictionaries(
    st.sampled_from(["Cache-Control", "Expires", "Retry-After", "Age"]), headers
)


@given(answered, st.lists(headers, max_size=3))
@fuzz
def test_any_header_gives_a_wait_within_a_day(stated: dict[str, str], links: list[str]) -> None:
    assert 0 <= freshness(stated, now=1e9) <= 86_400
    assert 0 <= (retry_after(stated, now=1e9) or 0.0) <= 86_400
    link_target(links, "hub", base="https://n.example/")


robots_scraps = st.sampled_from(
    [b"User-agent:", b"*", b"Millrace", b"Allow:", b"Disallow:", b"/", b"*" * 9, b"$", b"\n", b"\r",
     b"\xff", b"%2f", b" "]
)  # fmt: skip
robots_files = st.lists(robots_scraps, max_size=40).map(b"".join) | st.binary(max_size=200)


@given(robots_files, st.sampled_from(["/", "/a/b?c", "/" + "a" * 200]))
@fuzz
def test_any_robots_txt_allows_or_forbids(robots: bytes, path: str) -> None:
    allowed = robots_allow(robots, url="https://n.example" + path, agent="Millrace")

    assert allowed in (True, False)
