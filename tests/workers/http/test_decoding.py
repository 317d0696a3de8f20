from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import brotli
import pytest

from core import zstd
from core.errors import FetchError, TooLarge
from workers.http.decoding import Decoding

TEXT = b"<rss>" + bytes(random.Random(1).choices(b"abcdefgh <>", k=300_000)) + b"</rss>"


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


CODED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "Deflate": raw_deflate(TEXT),
    "br": brotli.compress(TEXT, quality=4),
    "zstd": zstd.compress(TEXT),
    "gzip, gzip": gzip.compress(gzip.compress(TEXT)),
    "gzip, br": brotli.compress(gzip.compress(TEXT), quality=1),
    "identity": TEXT,
    "": TEXT,
    "none": TEXT,
}


def decode(
    encodings: str, data: bytes, *, limit: int = 2**20, piece: int = 1000
) -> tuple[bytes, bool]:
    decoding = Decoding(encodings, limit=limit)
    for at in range(0, len(data), piece):
        decoding.feed(data[at : at + piece])
    return decoding.finish()


@pytest.mark.parametrize("encodings", CODED)
@pytest.mark.parametrize("piece", [100, 10**9])
def test_every_coding_is_undone(encodings: str, piece: int) -> None:
    assert decode(encodings, CODED[encodings], piece=piece) == (TEXT, True)


@pytest.mark.parametrize("encodings", ["gzip", "deflate", "Deflate", "br", "zstd", "gzip, gzip"])
def test_a_body_that_breaks_off_is_not_whole(encodings: str) -> None:
    coded = CODED[encodings]

    body, whole = decode(encodings, coded[: len(coded) * 2 // 3])

    assert not whole
    assert TEXT.startswith(body) or encodings == "gzip, gzip"


def test_several_members_are_one_body() -> None:
    assert decode("gzip", gzip.compress(b"<a>") + gzip.compress(b"</a>") + b"\0\0") == (
        b"<a></a>",
        True,
    )
    assert decode("zstd", zstd.compress(b"<a>") + zstd.compress(b"</a>")) == (b"<a></a>", True)


def test_servers_that_say_one_thing_and_send_another_are_understood() -> None:
    assert decode("gzip", TEXT) == (TEXT, True)
    assert decode("", gzip.compress(TEXT)) == (TEXT, True)
    assert decode("gzip", gzip.compress(gzip.compress(TEXT))) == (TEXT, True)


@pytest.mark.parametrize("encodings", ["gzip", "br", "zstd"])
def test_junk_is_an_error_of_ours(encodings: str) -> None:
    with pytest.raises(FetchError, match="cannot be decompressed"):
        decode(encodings, b"\x1f\x8bjunk, nothing but junk" * 50)


def test_too_many_layers_are_refused() -> None:
    with pytest.raises(FetchError, match="layers"):
        Decoding("gzip, gzip, gzip, gzip", limit=100)


@pytest.mark.parametrize("encodings", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_bomb_ends_at_the_limit_in_little_memory(encodings: str) -> None:
    zeros = bytes(2**20)
    bomb = {
        "gzip": lambda: gzip.compress(zeros * 64),
        "deflate": lambda: zlib.compress(zeros * 64),
        "br": lambda: brotli.compress(zeros * 64, quality=1),
        "zstd": lambda: zstd.compress(zeros * 64),
        "gzip, gzip": lambda: gzip.compress(gzip.compress(zeros * 64)),
    }[encodings]()

    tracemalloc.start()
    with pytest.raises(TooLarge):
        decode(encodings, bomb, limit=2**20, piece=2**16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 12 * 2**20


@pytest.mark.parametrize(
    ("encodings", "coded"),
    [
        ("gzip", gzip.compress(b"") * 50_000),
        ("zstd", zstd.compress(b"") * 50_000),
        ("gzip, gzip", gzip.compress(gzip.compress(b"") * 50_000)),
    ],
)
def test_a_body_of_countless_parts_is_refused(encodings: str, coded: bytes) -> None:
    with pytest.raises(FetchError, match="more than 1000 parts"):
        decode(encodings, coded, piece=65_536)
