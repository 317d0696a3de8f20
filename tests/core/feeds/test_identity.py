"""Each story once and no update without a change, whatever a source does to its feed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.feeds.identity import listed
from core.feeds.steady import link_key
from core.ids import guid_digest
from core.models import Enclosure, FeedEntry

DAY = datetime(2026, 11, 20, 8, tzinfo=UTC)
TEXT = "<p>The road over the pass was closed on Sunday after forty centimetres of snow fell. "
STORIES = ("snow on the pass", "a bridge for cyclists", "the new harbour")
Poll = Callable[[int], Sequence[FeedEntry]]


def entry(
    title: str, link: str | None, guid: str | None, body: str, date: datetime | None = None
) -> FeedEntry:
    stated = guid or link or title
    return FeedEntry(guid=stated, position=0, title=title, link=link, content=body, published=date)


def each(
    link: Callable[[int, int], str],
    guid: Callable[[int, int], str | None] = lambda k, n: None,
    text: Callable[[int, int], str] = lambda k, n: f"A few words on {STORIES[k]}.",
    date: Callable[[int, int], datetime | None] = lambda k, n: None,
) -> Poll:
    """Three stories in each poll n, as k."""
    return lambda n: [
        entry(f"Of {STORIES[k]}", link(k, n), guid(k, n), text(k, n), date(k, n)) for k in range(3)
    ]


def polled(poll: Poll, times: int = 20) -> tuple[int, int, int]:
    """Over `times` polls: new entries, changed entries, and what is remembered at the end."""
    seen: dict[bytes, bytes] = {}
    new = changed = 0
    for n in range(times):
        found = listed(poll(n), seen)
        new += sum(each.is_new for each in found)
        changed += sum(each.is_changed for each in found)
        seen |= dict(row for each in found for row in each.rows())
    return new, changed, len(seen)


PLAIN = "https://n.example/{}".format
SAME_STORIES: dict[str, Poll] = {
    "http to https": each(lambda k, n: f"http{'s' if n > 2 else ''}://n.example/{k}"),
    "scheme flips": each(
        lambda k, n: f"http{'s' * (n % 2)}://n.example/{k}",
        lambda k, n: f"http{'s' * (n % 2)}://n.example/{k}",
    ),
    "www flips": each(lambda k, n: f"https://{'www.' * (n % 2)}n.example/{k}"),
    "slash flips": each(lambda k, n: f"https://n.example/{k}{'/' * (n % 2)}"),
    "campaigns": each(lambda k, n: f"https://n.example/{k}?utm_source=rss&utm_campaign=c{n}"),
    "session in the path": each(lambda k, n: f"https://n.example/{k};jsessionid={n * 977:x}"),
    "session in the query": each(lambda k, n: f"https://n.example/{k}?sid={n * 977:x}"),
    "ASP.NET session": each(lambda k, n: f"https://n.example/(S({n:024x}))/{k}.aspx"),
    "a number of no known name": each(lambda k, n: f"https://n.example/{k}?zz={n}"),
    "links through a redirector": each(lambda k, n: f"https://r.example/{n:x}{k:x}af"),
    "all but the text churns": lambda n: [
        entry(f"Of {story}", f"https://n.example/{n}/{story}", f"{story}{n}", TEXT * 5)
        for story in STORIES
    ],
    "guids churn": each(lambda k, n: PLAIN(k), lambda k, n: f"{k}-{n}"),
    "guids churn, dated": each(
        lambda k, n: PLAIN(k),
        lambda k, n: f"{k}-{n}",
        lambda k, n: f"A few words on {STORIES[k]}, {'a bit ' * n} more.",
        lambda k, n: DAY,
    ),
    "guids churn beside a counter": each(
        lambda k, n: PLAIN(k),
        lambda k, n: f"{k}-{n}",
        lambda k, n: f"Short note on {STORIES[k]}, {n * 3} comments",
    ),
    "guids and links churn, dated": each(
        lambda k, n: f"https://r.example/{n}/{k}",
        lambda k, n: f"{k}-{n}",
        date=lambda k, n: DAY - timedelta(hours=k),
    ),
    "guids and links churn": each(
        lambda k, n: f"https://r.example/{n}/{k}", lambda k, n: f"{k}-{n}"
    ),
    "guid and date churn": lambda n: each(
        lambda k, n: PLAIN(k), lambda k, n: f"{k}-{n}", date=lambda k, n: DAY + timedelta(minutes=n)
    )(n)[: 1 if n else 3],
    "guids are lost": each(lambda k, n: PLAIN(k), lambda k, n: f"g{k}" if n < 3 else None),
    "another format": each(
        lambda k, n: PLAIN(k),
        lambda k, n: f"{PLAIN('?p=')}{k}" if n < 3 else f"tag:n.example,2026:{k}",
    ),
    "entries vanish and return": lambda n: each(lambda k, n: PLAIN(k))(n) if n % 4 else [],
}  # fmt: skip
SAME_TEXTS = {
    "signed picture": lambda n: f'<img src="https://c.example/p.jpg?Expires={n}&Sig=a{n}">',
    "nonce": lambda n: f'<a href="https://n.example/go?nonce={n}f">the list</a>',
    "minutes ago": lambda n: f"<p>Posted {n + 2} minutes ago by ann, {n * 3} comments</p>",
    "hours ago": lambda n: f"{n} minutes ago" if n < 5 else "1 hour ago",
    "in Chinese": lambda n: f"<p>{n}分钟前 阅读 {n * 9} 评论({n}) {n}万次浏览</p>",
    "in German": lambda n: f"<p>vor {n + 2} Minuten, {n} Kommentare</p>",
    "in French": lambda n: f"<p>il y a {n + 2} heures · {n + 2} commentaires</p>",
    "views": lambda n: f"<p>Views: {1000 + n}</p>",
    "white space": lambda n: "<p>one&nbsp; two</p>" if n % 2 else "<p>one two</p>",
    "markup": lambda n: f"<b class='x{n}'>one</b>",
}


@pytest.mark.parametrize("guid", ["1", ""])
@pytest.mark.parametrize("counter", ["({} comments)", "[{} replies]", "评论({})", "· {} views"])
def test_a_counter_in_a_title_is_no_update(guid: str, counter: str) -> None:
    new, changed, _ = polled(
        lambda n: [entry(f"Ferry {counter.format(n)}", PLAIN(1), guid or f"g{n}", "Runs.", DAY)]
    )

    assert (new, changed) == (1, 0)


@pytest.mark.parametrize("kind", SAME_STORIES)
def test_each_story_comes_once(kind: str) -> None:
    new, _, remembered = polled(SAME_STORIES[kind])

    assert new == 3
    assert remembered <= 3 * 4


@pytest.mark.parametrize("kind", SAME_TEXTS)
@pytest.mark.parametrize("body", ["", TEXT * 4])
def test_what_no_one_wrote_is_no_update(kind: str, body: str) -> None:
    made = SAME_TEXTS[kind]

    new, changed, _ = polled(lambda n: [entry("T", PLAIN(1), "1", body + made(n) + body)])

    assert (new, changed) == (1, 0)


@pytest.mark.parametrize(
    "later",
    [
        {"title": "Snow on the passes"},
        {"content": TEXT.replace("Sunday", "Monday")},
        {"content": TEXT.replace("forty", "50")},
        {"content": TEXT + "15 people were hurt."},
        {"link": "https://n.example/moved"},
    ],
)
def test_a_change_of_title_text_or_page_is_an_update(later: dict[str, str]) -> None:
    first = entry("Snow", PLAIN(1), "1", TEXT + "12 people were hurt.")

    _, changed, _ = polled(lambda n: [first.model_copy(update=later if n > 4 else {})])

    assert changed == 1


SEVERAL: dict[str, Poll] = {
    "weekly thread, listed alone": lambda n: [
        entry("Open thread", PLAIN(n), f"t{n}", "Be kind.", DAY + timedelta(days=7 * n))
    ],
    "weekly thread without dates": lambda n: [entry("Open thread", PLAIN(n), f"t{n}", "Be kind.")],
    "weekly thread under one link": lambda n: [
        entry("Open thread", "https://n.example/", f"t{n}", f"Topic {'x' * n}", DAY + timedelta(n))
    ],
    "photos in pairs": lambda n: [
        entry("New photo", PLAIN(2 * n + k), None, "New photo added.") for k in (0, 1)
    ],
    "draws in which only figures differ": lambda n: [
        entry("Lotto draw", "https://n.example/", f"d{n}", f"Winning numbers: {n} {n + 3} 14")
    ],
    "news of the hour, dated": lambda n: [
        entry("News", "https://n.example/", f"n{n}", "The news.", DAY + timedelta(hours=n))
    ],
    "news of the hour, by their files": lambda n: [
        entry("News", "https://n.example/", f"n{n}", "The news.").model_copy(
            update={"enclosures": (Enclosure(url=f"https://n.example/{n}.mp3"),)}
        )
    ],
    "releases": lambda n: [
        entry(f"v1.{n + k}", PLAIN(n + k), f"v1.{n + k}", "No content.") for k in range(3)
    ],
    "draws of two lotteries, each time at new addresses": lambda n: [
        entry(f"Draw {name}", PLAIN(f"{name}{n}"), f"{name}{n}", f"Numbers: {n} {n + 3} 14")
        for name in ("A", "B")
    ],
    "two alerts on one page": lambda n: [
        entry(f"Alert: {name}", "https://n.example/alerts", f"{name}{n}", f"Of level {n} in force.")
        for name in ("wind", "rain")
    ],
    "two weekly threads": lambda n: [
        entry(f"Thread of {name}", PLAIN(f"{name}{n}"), f"{name}{n}", "Be kind.")
        for name in ("jobs", "all")
    ],
    "live page": lambda n: [
        entry(f"News at {n}", "https://n.example/live", f"live{n}", f"All {'new ' * n}")
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
def test_stories_that_are_alike_all_come(kind: str) -> None:
    poll = SEVERAL[kind]

    new, _, _ = polled(poll)

    assert new == len({each.guid for n in range(20) for each in poll(n)})


@pytest.mark.parametrize("edit", [{"title": "Ferry is back"}, {"published": DAY + timedelta(1)}])
@pytest.mark.parametrize("dated", [None, DAY])
def test_an_entry_that_got_another_guid_once_may_be_edited_later(
    edit: dict[str, object], dated: datetime | None
) -> None:
    old = entry("Ferry", "http://n.example/1", "http://n.example/?p=1", "Runs again.", dated)
    moved = old.model_copy(update={"guid": "https://n.example/?p=1"})
    polls = [old, moved, moved, moved.model_copy(update=edit), moved.model_copy(update=edit)]

    new, changed, remembered = polled(lambda n: [polls[n]], times=len(polls))

    assert (new, changed) == (1, int("title" in edit))
    assert remembered == 4


def test_of_two_hosts_in_turn_each_new_entry_comes_once() -> None:
    def poll(n: int) -> list[FeedEntry]:
        host = "ab"[n % 2]
        return [
            entry(f"Ferry &{'amp;' * (n % 2)} {k}", f"https://{host}.example/{k}", None, TEXT)
            for k in range(n, n + 6)
        ]

    assert polled(poll)[0] == 25


def test_a_file_that_had_the_guid_of_all_keeps_it_when_each_gets_its_own() -> None:
    files = [
        entry("", link := f"https://n.example/{k}.mp3", f"all#{link}", "").model_copy(
            update={"enclosures": (Enclosure(url=link),)}
        )
        for k in range(3)
    ]
    before = files[1].model_copy(update={"guid": "all"})

    found = listed(files, dict(listed([before], {})[0].rows()))

    assert [each.was for each in found] == [None, guid_digest("all"), None]
    assert [each.is_new for each in found] == [True, False, True]


def test_undated_threads_that_are_listed_together_are_marked_as_several() -> None:
    seen: dict[bytes, bytes] = {}
    marked = []
    for n in range(6):
        weeks = [
            entry("Open thread", f"https://n.example/t/{k}", None, "Tell us below.")
            for k in range(n + 2, n - 1, -1)
        ]
        found = listed(weeks, seen)
        marked += [each.entry.has_twin for each in found if each.is_new]
        seen |= dict(row for each in found for row in each.rows())

    assert marked == [True] * 8


def test_entries_of_one_document_are_never_one() -> None:
    both = [entry("T", PLAIN(1), guid, "Same words.", DAY) for guid in ("1", "2")]

    assert polled(lambda n: both)[0] == 2
    assert polled(lambda n: both[: 1 + n])[0] == 2


def test_a_changed_entry_under_a_new_guid_is_an_update_of_the_old_one() -> None:
    old = entry("T", PLAIN(1), "1", "One text.", DAY)
    new = entry("T", PLAIN(1), "2", "Another text.", DAY)

    (found,) = listed([new], dict(listed([old], {})[0].rows()))

    assert found.is_changed
    assert found.was == guid_digest("1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/watch?v=1", "https://a.example/watch?v=2"),
        ("https://a.example/1?page=2", "https://a.example/1"),
        ("https://a.example/#!/1", "https://a.example/#!/2"),
    ],
)
def test_addresses_of_two_pages_have_two_keys(one: str, other: str) -> None:
    assert link_key(one) != link_key(other)
