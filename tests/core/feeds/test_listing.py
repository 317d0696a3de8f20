from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

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


TITLES = (
    "青溪镇渡轮停航七年后恢复运营", "高原湖泊发现未记录火山", "县财政局公布收入明细",
    "江面大雾影响航线", "小学生手绘时刻表", "南岸停车位", "香蕉产季", "图书馆夜间开放",
)  # fmt: skip
# Rows of lists by kind: {k} counts, {t} is the title and {d} the day of November 2026.
ROWS = {
    "date in dt": '<dt>2026-11-{d}</dt><dd><a href="/a/{k}.html">{t}</a></dd>',
    "date in dd": '<dt><a href="/a/{k}.html">{t}</a></dt><dd>2026年11月{d}日</dd>',
    "table": '<tr><td>·</td><td><a href="/a/{k}.html">{t}</a></td><td>2026/11/{d}</td></tr>',
    "text behind": '<a href="/a/{k}.html">{t}</a> (2026-11-{d})<br>',
    "text before": '2026-11-{d} <a href="/a/{k}.html">{t}</a><br>',
    "day, month, year": '<li><p><b>{d}</b><i>11月</i><i>2026</i></p><a href="/{k}">{t}</a></li>',
    "day, month": '<li><p><b>{d}</b><i>11月</i></p><a href="/2026/a/{k}.html">{t}</a></li>',
    "month, day": '<li><p><em>2026.11</em><b>{d}</b></p><a href="/a/{k}.html">{t}</a></li>',
    "day above": '<li><p><b>{d}</b>2026-11</p><a href="/a/{k}"><h4>{t}</h4><p>…</p></a></li>',
    "year below": '<li><p>11-{d}</p><p>2026</p><a href="/a/{k}.html">{t}</a></li>',
    "year above": '<li><p>2026</p><p>11/{d}</p><a href="/a/{k}.html">{t}</a></li>',
    "year in the address": '<li>[11-{d}] <a href="/202611/t202611{d}_{k}.html">{t}</a></li>',
    "address alone": '<li><a href="https://m.news.example/202611{d}/c{k}.shtml">{t}</a></li>',
    "within the link": '<li><a href="/a/{k}.html"><i>[11-{d}]</i>{t}</a></li>',
    "other links": '<li><a href="/c/1">[要闻]</a><a href="/{k}">{t}</a><i>2026-11-{d}</i></li>',
    "a card": '<a href="/a/{k}"><div class="title">{t}</div><p>{t}{t}</p><p>11-{d} 08:11</p></a>',
    "cut": '<li><a href="/a/{k}" title="{t}">{t:.5}…</a><span>2026-11-{d}</span></li>',
    "under its day": '<h3>2026-11-{d}</h3><ul><li><a href="/a/{k}.html">{t}</a></li></ul>',
    "a number of a document": '<tr><td><a href="/a/{k}.html">{t}</a></td><td>市发〔2026〕3号</td>'
    "<td>2026年11月{d}日</td></tr>",
    "records in a script": '<script type="text/xml"><record><![CDATA[<li><i>2026-11-{d}</i>'
    '<a href="/a/{k}.html">{t}</a></li>]]></record></script>',
    "a forum": '<tr><th><a href="/t-{k}-1.html">{t}</a></th><td><a href="/u/{k}">某用户名{k}</a>'
    " 2026-11-{d}</td></tr>",
    "month by name": '<li>{d} November: <a href="/a/{k}.html">{t}</a></li>',
    "thumbnail and more": '<div><a href="/{k}"><img></a><div><a href="/{k}">{t}</a>'
    '<p>2026-11-{d}</p><a href="/{k}">阅读全文</a></div></div>',
}  # fmt: skip


@pytest.mark.parametrize("kind", ROWS)
def test_titles_and_dates_are_found_wherever_they_are(kind: str) -> None:
    menu = '<ul><li><a href="/news/">新闻中心</a></li><li><a href="/gov/">政务公开</a></li></ul>'
    rows = "".join(ROWS[kind].format(k=k, t=t, d=27 - k) for k, t in enumerate(TITLES))
    around = {"date in dt": "dl", "date in dd": "dl", "table": "table", "a forum": "table"}.get(
        kind, "table" if "number" in kind else "div"
    )
    now = datetime(2028, 11, 28, tzinfo=UTC).timestamp()
    undated = kind in ("a card", "within the link", "month by name")

    feed = read_listing(
        f"<body>{menu}<{around}>{rows}</{around}>".encode(),
        url="https://www.news.example/list/",
        content_type="text/html; charset=utf-8",
        now=now,
    )

    assert [entry.title for entry in feed.entries] == list(TITLES)
    days = [entry.published.day for entry in feed.entries if entry.published]
    assert days == [27 - k for k in range(len(TITLES))]
    years = {entry.published.year for entry in feed.entries if entry.published}
    assert years == {2028 if undated else 2026}


@pytest.mark.parametrize("clock", ["08:10:22", "HKT 08:10:22"])
def test_a_stated_clock_counts_beside_a_day_in_the_address(clock: str) -> None:
    rows = "".join(
        f'<dl><dt><a href="/2026-11/2{k}/c{k}.htm">{title}</a></dt>'
        f"<dd>记者从有关部门获悉。<span>2026-11-2{k} {clock}</span></dd></dl>"
        for k, title in enumerate(TITLES)
    )

    dates = [entry.published for entry in read(f"<body>{rows}").entries]

    assert dates == [datetime(2026, 11, 20 + k, 0, 10, 22, tzinfo=UTC) for k in range(8)]


def test_what_is_counted_from_now_has_a_date_where_now_is_known() -> None:
    times = ("3分钟前", "2小时前", "昨天 18:20", "前天", "5 hours ago")
    rows = "".join(
        f"<li><a href='/a/{k}'>俄乌和谈第{k}轮：各方最新表态</a><i>{at}</i></li>"
        for k, at in enumerate(times)
    )
    now = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()

    read_at = partial(read_listing, f"<body>{rows}".encode(), url=URL, content_type=None)

    assert [e.published and e.published.strftime("%d %H:%M") for e in read_at(now=now).entries] == [
        "27 11:57", "27 10:00", "26 10:20", "25 00:00", "27 07:00",
    ]  # fmt: skip
    assert not any(e.published for e in read_at().entries)


@given(st.text(max_size=300))
def test_any_page_gives_a_list_or_an_error_of_ours(text: str) -> None:
    try:
        feed = read(f"<ul><li><a href='{text}'>{text}</a></li></ul>")
    except NotAFeed:
        return
    assert all(entry.guid for entry in feed.entries)


@pytest.mark.parametrize(
    "row", ["<li><a href='/2024/{}'>Short one</a> 01-01</li>", "<a href='/x{}'>a"]
)
def test_deep_and_long_pages_cost_little(row: str) -> None:
    page = "<body>" + "<div>" * 200 + "".join(row.format(n) for n in range(8000))
    started = time.process_time()

    with suppress(NotAFeed):
        read(page, strict=True)

    assert time.process_time() - started < 3
