from __future__ import annotations

import pytest

from core.feeds.discovery import guessed_feed, known_feed, named_feeds


def test_a_page_names_its_feeds_the_comments_last() -> None:
    page = """<head><base href="https://blog.example/dir/">
    <LINK rel=alternate type='application/rss+xml' title="Comments" href="comments/feed">
    <link rel="alternate" hreflang="de" href="/de">
    <link href="feed.xml?a=1&amp;b=2" type="application/atom+xml; charset=utf-8"
      rel="home alternate">
    <link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">
    <link rel="alternate" type="application/rss+xml" href="javascript:x">
    <link rel="stylesheet" href="/x.css">"""

    assert named_feeds(page, url="https://blog.example/") == (
        "https://blog.example/dir/feed.xml?a=1&b=2",
        "https://blog.example/dir/comments/feed",
    )


def test_a_youtube_page_under_a_chosen_name_holds_its_channel() -> None:
    page = '<script>{"externalId":"UCabcdefghijklmnopqrstuv"}</script>'

    assert named_feeds(page, url="https://www.youtube.com/@name") == (
        "https://www.youtube.com/feeds/videos.xml?channel_id=UCabcdefghijklmnopqrstuv",
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


def test_a_person_on_mastodon_may_have_a_feed() -> None:
    assert guessed_feed("https://mastodon.example/@ann/") == "https://mastodon.example/@ann.rss"
    assert guessed_feed("https://mastodon.example/@ann/1") is None
    assert guessed_feed("https://news.example/") is None
