from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.polling.websub import is_signed, linked

BASE = "https://news.example/feed"


@pytest.mark.parametrize(
    ("headers", "hub"),
    [
        (['<https://hub.example/>; rel="hub"'], "https://hub.example/"),
        (["<https://hub.example/>; rel=hub"], "https://hub.example/"),
        (['</self>; rel="self", </hub>; rel="next HUB"; title="a, b"'], "https://news.example/hub"),
        (["</self>; rel=self", "</hub>; title=x; rel=hub"], "https://news.example/hub"),
        (['<javascript:x>; rel="hub"'], None),
        (['<https://hub.example/>; xrel="hub"'], None),
        ([], None),
    ],
)
def test_a_hub_is_named_in_link_headers(headers: list[str], hub: str | None) -> None:
    assert linked(headers, "hub", base=BASE) == hub


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512", "SHA256"])
def test_every_method_of_the_recommendation_proves_a_body(method: str) -> None:
    proof = hmac.new(b"key", b"body", getattr(hashlib, method.lower())).hexdigest()

    assert is_signed(f"{method}={proof}", b"body", secret="key")
    assert is_signed(f"{method}={proof.upper()}", b"body", secret="key")
    assert not is_signed(f"{method}={proof}", b"other", secret="key")
    assert not is_signed(f"{method}={proof}", b"body", secret="other")
    assert not is_signed(f"md5={proof}", b"body", secret="key")


@given(st.text(max_size=80), st.binary(max_size=80))
def test_no_header_breaks_it(header: str, body: bytes) -> None:
    assert not is_signed(header, body, secret="key")
    assert not is_signed("sha256=" + header, body, secret="key")
    linked([header, "<" + header + ">; rel=hub"], "hub", base=BASE)
