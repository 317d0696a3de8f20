"""Feeds of large sites in their real form, with made-up texts, and what a reader wants of each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from core.body.clean import clean_entry
from core.feeds.parse import parse_feed
from core.models import Article

FEEDS = Path(__file__).parents[2] / "examples" / "feeds"


class Wanted(NamedTuple):
    """What an entry must come out as."""

    title: str | None
    link: str
    author: str | None
    shown: tuple[str, ...]  # parts of its markup
    cut: tuple[str, ...] = ()  # no parts of it
    picture: str | None = None
    page: bool = False  # whether its page is read


WANTED = {
    "reddit.atom": [
        Wanted(
            "The ferry runs again",
            "https://www.reddit.com/r/ferries/comments/1aa/the_ferry_runs_again/",
            "/u/ann_at_the_pier",
            ('href="https://paper.example/2026/ferry-runs-again"',),
            ("submitted by", "[comments]"),
        ),
        Wanted(
            "First boat",
            "https://www.reddit.com/r/ferries/comments/1bb/first_boat/",
            "/u/bob",
            ("<blockquote><p>It will never be used, they said.</p></blockquote>", "wrong about"),
            ("submitted by", "[link]"),
        ),
    ],
    "mastodon.rss": [
        Wanted(
            None,
            "https://social.example/@ann/1",
            None,
            ("<p>The first boat left at twenty past six.</p>", "#ferry"),
            ("fog",),
            picture="https://files.example/boat.jpg",
        )
    ],
    "hackernews.rss": [
        Wanted(
            "Why <table> layouts came back",
            "https://blog.example/tables",
            "ann",
            (),
            ("Points: 120", "Comments URL"),
            page=True,
        )
    ],
    "youtube.atom": [
        Wanted(
            "One day on the ferry",
            "https://www.youtube.com/watch?v=aaaaaaaaaaa",
            "Pier Films",
            ("<li>3:20 The market</li>", 'href="https://maps.example/pier"'),
            picture="https://i1.ytimg.com/vi/aaaaaaaaaaa/hqdefault.jpg",
        )
    ],
    "discourse.rss": [
        Wanted(
            "Bicycles on board?",
            "https://forum.example/t/bicycles-on-board/7",
            "@ann Ann Lee",
            ("<blockquote><p>Bicycles cost one coin each.</p></blockquote>", "last year"),
            ("participants", "Read full topic"),
            page=True,
        )
    ],
    "github-releases.atom": [
        Wanted(
            "v2.1.0",
            "https://github.com/pier/timetable/releases/tag/v2.1.0",
            "ann",
            ("<h2>What's Changed</h2>", "<code>timetable --night</code>", "pull/7"),
        ),
        Wanted(
            "v2.0.9",
            "https://github.com/pier/timetable/releases/tag/v2.0.9",
            "ann",
            ("No content",),
        ),
    ],
    "podcast.rss": [
        Wanted(
            "12: Fog",
            "https://radio.example/12",
            None,
            ("<li>(12:30) Radar</li>", 'href="https://book.example/fog"'),
            picture="https://radio.example/12.jpg",
        )
    ],
    "substack.rss": [
        Wanted(
            "On waiting for boats",
            "https://letters.example/p/on-waiting",
            "Ann Lee",
            ("The pier at dawn</figcaption>", "a plan for the day"),
            ("Subscribe now",),
            picture="https://img.example/pier.jpg",
        )
    ],
    "medium.rss": [
        Wanted(
            "How we built a timetable",
            "https://medium.com/@ann/how-we-built-a-timetable-0a1b2c",
            "Ann Lee",
            ("<pre>boats = sorted(all_boats)\nprint(boats)</pre>", "The old board</figcaption>"),
            ("stat?event",),
            picture="https://cdn-images-1.medium.com/max/1024/1*a.jpeg",
        )
    ],
    "rsshub.rss": [
        Wanted(
            "🖼 今天渡口起雾了，船晚了二十分钟",
            "https://t.me/dukou/1",
            None,
            ("<p>今天渡口起雾了，船晚了二十分钟</p>", 'referrerpolicy="no-referrer"'),
            picture="https://cdn4.example/file/a.jpg",
        ),
        Wanted(
            "转发自 江边观察",
            "https://t.me/dukou/2",
            None,
            ("<blockquote><p>青溪镇的渡轮今天恢复运营", "<p>终于等到了</p>"),
        ),
    ],
}


def articles(name: str) -> list[Article]:
    feed = parse_feed((FEEDS / name).read_bytes(), url="https://n.example/feed", content_type=None)
    return [clean_entry(entry).article for entry in feed.entries]


@pytest.mark.parametrize("name", WANTED)
def test_a_reader_gets_what_they_want_of_it(name: str) -> None:
    found = articles(name)

    assert len(found) == len(WANTED[name])
    for article, wanted in zip(found, WANTED[name], strict=True):
        assert (article.title, article.link, article.author) == wanted[:3]
        assert (article.lead_image, article.needs_page) == (wanted.picture, wanted.page)
        assert [part for part in wanted.shown if part not in article.html] == []
        assert [part for part in wanted.cut if part in article.html] == []


def test_a_podcast_keeps_its_file_transcript_and_chapters() -> None:
    (article,) = articles("podcast.rss")

    assert [(file.role, file.duration) for file in article.enclosures] == [
        ("file", 2530),
        ("transcript", None),
        ("chapters", None),
    ]
    assert article.published == "2026-11-27T06:12:00+00:00"


def test_every_example_is_checked() -> None:
    assert {path.name for path in FEEDS.iterdir()} == set(WANTED)
