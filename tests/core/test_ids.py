from __future__ import annotations

from core.ids import EntryIdentity, stable_guids


def entry(guid: str | None = None, link: str | None = None, text: str = "x") -> EntryIdentity:
    return EntryIdentity(guid, link, text, text)


def test_a_stated_guid_counts() -> None:
    assert stable_guids([entry("1", "/a"), entry("2", "/a")]) == ["1", "2"]


def test_one_guid_for_all_is_none_and_the_links_count() -> None:
    assert stable_guids([entry("1", "/a"), entry("1", "/b")]) == ["/a", "/b"]


def test_one_guid_and_one_link_for_all_leaves_the_text() -> None:
    guids = stable_guids([entry("1", "/", "x"), entry("1", "/", "y")])

    assert len(set(guids)) == 2
    assert (
        guids
        == stable_guids([entry("1", "/", "x"), entry("1", "/", "y"), entry("1", "/", "z")])[:2]
    )


def test_no_guid_and_no_link_leaves_the_text() -> None:
    assert stable_guids([entry(text="x")]) == stable_guids([entry("", " ", "x")])


def test_entries_that_share_a_guid_are_kept_apart_at_every_poll() -> None:
    three = [entry("1", "/a", "x"), entry("1", "/b", "y"), entry("2", "/c", "z")]

    assert stable_guids(three) == ["1#/a", "1#/b", "2"]
    assert stable_guids(three[::-1]) == ["2", "1#/b", "1#/a"]


def test_a_true_copy_comes_once() -> None:
    assert stable_guids([entry("1"), entry("1"), entry("2")]) == ["1", None, "2"]


def test_entries_that_hold_a_file_alone_are_named_by_it() -> None:
    nameless, sermons = (
        [EntryIdentity(None, None, title, "", f"/{n}.mp3") for n in (1, 2)]
        for title in ("", "Sunday")
    )

    assert stable_guids(nameless[:1]) + stable_guids(nameless[1:]) == stable_guids(nameless)
    assert len(set(stable_guids([*nameless, *sermons]))) == 4


def test_an_endless_guid_is_shortened() -> None:
    guid = stable_guids([entry("g" * 100_000)])[0]

    assert guid is not None
    assert len(guid) < 100
