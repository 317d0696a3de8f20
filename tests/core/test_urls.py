import pytest

from core.urls import canonical_url, clean_url, host_of, web_url


@pytest.mark.parametrize(
    ("address", "clean"),
    [
        ("https://a.example/x?utm_source=rss&id=7&utm_medium=feed", "https://a.example/x?id=7"),
        ("https://a.example/x?fbclid=abc#part", "https://a.example/x#part"),
        ("https://a.example/p?source=rss----8fca---4", "https://a.example/p"),
        ("https://a.example/p?source=wire", "https://a.example/p?source=wire"),
        ("https://a.example/p?b=2&a=1", "https://a.example/p?b=2&a=1"),
        ("https://a.example/%e8%a3%85/普京.png", "https://a.example/%e8%a3%85/普京.png"),
    ],
)
def test_tracking_goes_and_the_rest_stays_as_it_was_written(address: str, clean: str) -> None:
    assert clean_url(address) == clean


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", " ftp://a.example/x", "https://", "http://[", ""],
)
def test_only_web_addresses_are_addresses(address: str) -> None:
    assert web_url(address) is None


def test_relative_addresses_start_from_their_base() -> None:
    assert web_url("../rules.html", "https://a.example/a/b/c.html") == (
        "https://a.example/a/rules.html"
    )
    assert web_url("//b.example/x", "https://a.example/") == "https://b.example/x"
    assert web_url("../rules.html") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://www.a.example/x/", "https://A.example/x"),
        ("https://a.example/%e4%b8%ad", "https://a.example/中"),
        ("https://a.example/x?b=2&a=1#top", "https://a.example/x?a=1&b=2&utm_campaign=z"),
        ("https://a.example:443/", "https://a.example"),
    ],
)
def test_spellings_of_one_address_have_one_canonical_form(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other)


def test_different_articles_keep_different_canonical_forms() -> None:
    assert canonical_url("https://a.example/?p=1") != canonical_url("https://a.example/?p=2")
    assert canonical_url("https://a.example/#!/1") != canonical_url("https://a.example/#!/2")


def test_the_host_is_found_without_port_and_user() -> None:
    assert host_of("http://user:pw@www.A.example:8080/x") == "a.example"
    assert host_of("mailto:x@y") == ""
