from __future__ import annotations

import time

import pytest

from core.feeds.discovery import (
    guessed_feed,
    header_feeds,
    known_feed,
    moved_to,
    named_feeds,
    refreshed_to,
    usual_places,
)

FEED = "https://blog.example/feed.xml"


def found(page: str, url: str = "https://blog.example/") -> tuple[str, ...]:
    return tuple(feed.url for feed in named_feeds(page, url=url))


@pytest.mark.parametrize(
    "markup",
    [
        '<link rel="alternate" type="application/rss+xml" href="/feed.xml">',
        '<link rel="alternate" type="application/x-rss+xml" href="/feed.xml">',
        '<link rel="alternate" type="application/atom" href="/feed.xml">',
        '<link rel="alternate" type="text/xml" href="/feed.xml">',
        '<link rel="alternate" type="application/feed+json" href="/feed.xml">',
        '<link rel="alternate" href="/feed.xml">',
        '<link rel="alternate" title="RSS" href="https://blog.example/feed.xml">',
        '<link rel="feed" href="/feed.xml">',
        '<link type="application/rss+xml" href="/feed.xml">',
        '<link rel="alternate" type="text/html" title="Blog > All" href="/feed.xml">',
        "<link rel=service.feed type='application/atom+xml' title=Bob's href=/feed.xml>",
        '<map><area href="/feed.xml" alt="RSS"></map>',
        '<frameset><frame src="/feed.xml" title="RSS"></frameset>',
        "<link href=//blog.example/feed.xml rel='home alternate' type=application/rss+xml>",
        '<link rel="alternate" type="application/rss+xml" href="feed://blog.example/feed.xml">',
        '<a href="/feed.xml">Subscribe</a>',
        '<a href="feed.xml"><img src="/icon.png" alt="RSS"></a>',
        '<a class="icon-rss" href="/feed.xml"></a>',
        '<a href="feed:https://blog.example/feed.xml">Follow</a>',
        '<a href="https://feedly.com/i/feed/https%3A%2F%2Fx">f</a><a href="/feed.xml">订阅</a>',
        '<link rel="alternate" type="application/rss+xml" href="/fe\ned.xml">',
        """<script>x = '<a href="/bad.rss">RSS</a>'</script><a href="/feed.xml">XML</a>""",
        '<a href="/about">About</a><footer><a title="RSS feed" href="/feed.xml">*</a></footer>',
    ],
)
def test_a_feed_is_found_however_a_page_names_it(markup: str) -> None:
    assert found(f"<html><head><title>Blog</title></head><body>{markup}") == (FEED,)


@pytest.mark.parametrize(
    "markup",
    [
        '<!-- <link rel="alternate" type="application/rss+xml" href="/feed.xml"> -->',
        '<link rel="alternate" hreflang="de" href="/de/">',
        '<link rel="alternate stylesheet" href="/feed.css">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/1">',
        '<link rel="alternate" type="application/json+oembed" href="/oembed?url=x">',
        '<a href="https://en.wikipedia.org/wiki/RSS">What is RSS?</a>',
        '<a href="https://other.example/feedback">Feedback</a>',
        '<a href="/subscribe">Subscribe to the newsletter</a>',
    ],
)
def test_what_is_no_feed_is_not_named(markup: str) -> None:
    assert found(f"<html><body>{markup}") == ()


def test_a_link_to_another_site_is_none_of_its_own_feeds() -> None:
    def feeds(address: str, base: str = "https://news.example/") -> list[tuple[str, bool]]:
        page = f'<p>Comment: <a href="{address}">RSS feed</a> <a href="/feed.xml">all</a>'
        return [(feed.url, feed.is_own) for feed in named_feeds(page, url=base)]

    own = ("https://news.example/feed.xml", True)
    for stranger in ("https://evil.example/rss.xml", "https://evilnews.example/rss.xml"):
        assert feeds(stranger) == [own, (stranger, False)]
    assert feeds("https://feeds.news.example/rss.xml")[0] == (
        "https://feeds.news.example/rss.xml",
        True,
    )


def test_long_addresses_cost_little() -> None:
    address = "/rss" * 470 + "/!"
    page = f'<a href="{address}">x</a>' * 500

    started = time.process_time()

    assert named_feeds(page, url="https://news.example/") == ()
    assert time.process_time() - started < 2


@pytest.mark.parametrize("address", ["https://blog.example/?feed=rss2", "/index.php?type=rss"])
def test_no_part_of_a_feeds_address_is_taken_for_tracking(address: str) -> None:
    page = f'<link rel="alternate" type="application/rss+xml" href="{address}">'

    assert found(page)[0].endswith(address)


def test_a_page_of_a_section_leads_to_the_feed_of_the_section() -> None:
    page = "".join(
        f'<link rel="alternate" type="application/rss+xml" title="{title}" href="/{path}">'
        for title, path in (("All", "feed/"), ("Kommentare", "a/b/feed/"), ("A", "a/feed/"))
    )

    assert found(page, "https://blog.example/a/")[0] == "https://blog.example/a/feed/"
    assert found(page, "https://blog.example/a/b/")[0] == "https://blog.example/feed/"


@pytest.mark.parametrize(
    "markup",
    ["<META CONTENT=\"0;URL='/new'\" HTTP-EQUIV=Refresh>", "<newLocation>/new</newLocation>"],
)
def test_a_page_says_where_its_feed_is_now(markup: str) -> None:
    assert moved_to(f"<p>{markup}", url="https://blog.example/") == "https://blog.example/new"
    assert refreshed_to("3; /new", url="https://blog.example/x") == "https://blog.example/new"
    assert refreshed_to("30", url="https://blog.example/x") is None


def test_several_feeds_come_with_their_titles() -> None:
    page = "".join(
        f'<link rel="alternate" type="application/rss+xml" title="{title}" href="/{title}.rss">'
        for title in ("News", "Sport")
    )

    feeds = named_feeds(page, url="https://blog.example/")

    assert [feed.title for feed in feeds] == ["News", "Sport"]


def test_a_header_names_feeds() -> None:
    values = [
        '</style.css>; rel=preload; as=style, </feed.xml>; rel="alternate"; '
        'type="application/rss+xml"; title="Blog, all of it"',
        '</de>; rel="alternate"; hreflang=de',
    ]

    (feed,) = header_feeds(values, url="https://blog.example/")

    assert feed[:2] == (FEED, "Blog, all of it")


def test_the_usual_places_are_few_and_those_of_the_software_come_first() -> None:
    def places(software: str, url: str = "https://blog.example/") -> tuple[str, ...]:
        return usual_places(url, f'<meta name="generator" content="{software}">')

    assert places("WordPress 6.9")[0] == "https://blog.example/feed/"
    assert places("Hugo 0.150")[0] == "https://blog.example/index.xml"
    assert places("Ghost 5")[0] == "https://blog.example/rss/"
    assert places("", "https://blog.example/notes/")[0] == "https://blog.example/notes/feed/"
    assert {"https://blog.example/feed.json", "https://blog.example/?feed=rss2"} <= set(places(""))
    assert len(places("Discourse")) == 8
    assert places("Hugo", FEED) == ()


def test_a_page_names_its_feeds_the_comments_last() -> None:
    page = """<head><base href="https://blog.example/dir/">
    <LINK rel=alternate type='application/rss+xml' title="Comments" href="comments/feed">
    <link rel="alternate" hreflang="de" href="/de">
    <link href="feed.xml?a=1&amp;b=2" type="application/atom+xml; charset=utf-8"
      rel="home alternate">
    <link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">
    <link rel="alternate" type="application/rss+xml" href="javascript:x">
    <link rel="stylesheet" href="/x.css">"""

    assert found(page) == (
        "https://blog.example/dir/feed.xml?a=1&b=2",
        "https://blog.example/dir/comments/feed",
    )


@pytest.mark.parametrize(
    ("url", "feed"),
    [
        (
            "https://www.youtube.com/channel/UCabc",
            "https://www.youtube.com/feeds/videos.xml?channel_id=UCabc",
        ),
        (
            "https://youtube.com/playlist?list=PL1",
            "https://www.youtube.com/feeds/videos.xml?playlist_id=PL1",
        ),
        ("https://www.reddit.com/r/python/", "https://www.reddit.com/r/python/.rss"),
        ("https://www.reddit.com/r/python/.rss", None),
        ("https://mastodon.example/@ann", None),
        ("https://github.com/a/b/releases", "https://github.com/a/b/releases.atom"),
        ("https://github.com/a/b/tree/main/docs", None),
        ("https://news.example/", None),
    ],
)
def test_large_sites_have_their_feeds_at_known_places(url: str, feed: str | None) -> None:
    assert known_feed(url) == feed


@pytest.mark.parametrize("name", ["news.xml", "politics/rss", "feed.json", "news.rss", "?feed=rss"])
def test_for_a_feed_that_is_gone_no_other_of_its_site_is_searched(name: str) -> None:
    assert usual_places(f"https://news.example/{name}", "<p>Hello") == ()


def test_a_person_on_mastodon_may_have_a_feed() -> None:
    assert guessed_feed("https://mastodon.example/@ann/") == "https://mastodon.example/@ann.rss"
    assert guessed_feed("https://mastodon.example/@ann/1") is None
    assert guessed_feed("https://news.example/") is None
