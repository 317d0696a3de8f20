from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotAFeed
from core.feeds.listing import read_listing
from core.models import ParsedFeed

URL = "https://news.example/list"
MENU = (
    "<nav><ul>"
    + "".join(
        f'<li><a href="/section/{n}">A rather long name of a section {n}</a></li>'
        for n in range(30)
    )
    + "</ul></nav>"
)
ITEMS = "".join(
    f'<li class="item"><img src="/{n}.jpg"><h3><a href="/2026/{n}.html?utm_source=list">'
    f"How the story number {n} of the day went on</a></h3>"
    f'<a class="more" href="/2026/{n}.html">more</a><span>2026-03-0{n} 12:30</span></li>'
    for n in range(1, 9)
)
PAGE = (
    '<!doctype html><html lang="en"><title>All news</title><body>'
    f"{MENU}<main><ul>{ITEMS}</ul></main>"
    '<div class="tags"><a href="/t/1">A tag that is long enough to look like one</a></div>'
    '<a href="https://other.example/">An advertisement on some other site, far away</a></body>'
)


def read(page: str, *, selector: str | None = None, strict: bool = False) -> ParsedFeed:
    return read_listing(
        page.encode(),
        url=URL,
        content_type="text/html; charset=utf-8",
        selector=selector,
        strict=strict,
    )


@pytest.mark.parametrize("selector", [None, "li.item h3 a", "li.item"])
def test_the_articles_of_a_list_are_found_with_titles_and_dates(selector: str | None) -> None:
    feed = read(PAGE, selector=selector)

    assert len(feed.entries) == 8
    first = feed.entries[0]
    assert first.title == "How the story number 1 of the day went on"
    assert first.link == "https://news.example/2026/1.html"
    assert first.published == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert (feed.title, feed.language) == ("All news", "en")
    assert [entry.position for entry in feed.entries] == list(range(8))


def test_a_chinese_list_of_plain_links_is_found() -> None:
    items = "".join(
        f"<p><a href='n{n}.htm'>俄乌和谈第{n}轮：各方最新表态</a>（2026年3月{n}日）</p>"
        for n in range(1, 7)
    )

    feed = read(f"<html><meta charset=utf-8><base href='/gb/'><body>{items}")

    assert [entry.link for entry in feed.entries][:2] == [
        "https://news.example/gb/n1.htm",
        "https://news.example/gb/n2.htm",
    ]
    assert feed.entries[5].published == datetime(2026, 3, 6, tzinfo=UTC)


def test_a_time_element_counts_more_than_text() -> None:
    item = (
        "<article><a href='/{n}'><h2>A headline that is long enough {n}</h2></a>"
        "<p>About 1999-01-01.</p>"
        "<time datetime='2026-02-0{n}T08:00:00+08:00'>today</time></article>"
    )

    feed = read("<body>" + "".join(item.format(n=n) for n in range(1, 5)))

    assert feed.entries[2].published == datetime(2026, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "garbage",
        "<html><body><h1>502 Bad Gateway</h1><a href='/'>Back to the home page of this site</a>",
        f"<html><body>{MENU}<p>Please log in.</p>",
        "<a href='javascript:x'>A link that is long enough but leads nowhere at all</a>" * 20,
    ],
)
def test_a_page_without_a_list_is_none(page: str) -> None:
    with pytest.raises(NotAFeed):
        read(page)


def test_a_short_list_is_taken_only_where_somebody_said_it_is_one() -> None:
    short = "<body>" + "".join(
        f"<li><a href='/{n}'>A headline that is long enough {n}</a></li>" for n in range(5)
    )

    assert len(read(short).entries) == 5
    with pytest.raises(NotAFeed):
        read(short, strict=True)
    assert len(read(PAGE, strict=True).entries) == 8


@given(st.text(max_size=300))
def test_any_page_gives_a_list_or_an_error_of_ours(text: str) -> None:
    try:
        feed = read(f"<ul><li><a href='{text}'>{text}</a></li></ul>")
    except NotAFeed:
        return
    assert all(entry.guid for entry in feed.entries)
