from __future__ import annotations

import time

import pytest

from core.errors import DocumentError
from core.feeds import folder, foldertree
from core.feeds.folder import Section, check_size, sections_of
from core.feeds.foldertree import (
    FolderTree,
    accounted,
    difference,
    folder_tree,
    guids_after,
    known_by_guids,
    renames,
)
from core.feeds.github import Change, File, Folder, Listing
from core.ids import guid_digest

FOLDER = Folder("ann", "news", "main", "pages")
A, B, C, D = (letter * 16 for letter in "abcd")


def tree(**sections: dict[str, str]) -> FolderTree:
    found = {name.replace("_", "/"): Section(name, files) for name, files in sections.items()}
    return FolderTree(FOLDER, {"pages": Section("pages", {}), **found})


def test_what_is_remembered_is_read_back() -> None:
    kept = tree(pages={"1.md": A, "中文.md": B}, pages_deep={"x y.md": C})
    kept.guids = {"pages/1.md": "pages/0.md"}

    assert folder_tree(kept.to_bytes()) == kept


def test_other_rules_of_what_is_an_article_keep_the_guids_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = tree(pages={"1.md": A})
    kept.guids = {"pages/1.md": "pages/0.md"}
    stored = kept.to_bytes()
    monkeypatch.setattr(foldertree, "RULES", foldertree.RULES + 1)

    assert folder_tree(stored) == FolderTree(FOLDER, {}, kept.guids)


@pytest.mark.parametrize(
    ("files", "articles", "unread"),
    [
        (["a.md", "b.mkd", "c.txt", "README.md"], ["a.md", "b.mkd"], "1 .txt"),
        (["a.txt", "b.rst", "robots.txt", "README.md"], ["a.txt"], "1 .rst"),
        (["README.md", "1/README.md", "2/README.md"], ["1/README.md", "2/README.md"], ""),
        (["1/index.md", "1/pictures/README.md", "2/index.md"], ["1/index.md", "2/index.md"], ""),
        (["posts/security.md", "SECURITY.md", "SUMMARY.md"], ["posts/security.md"], ""),
        (["README.md", "1.html", "index.html"], ["1.html"], "1 .html"),
        (["README.md", "1.rst", "2.rst"], [], "2 .rst, 1 README.md"),
        ([*(f"{n}.md" for n in range(30)), "1.html", "2.rst"], [f"{n}.md" for n in range(30)], ""),
    ],
)
def test_what_is_no_article_is_named_where_it_counts(
    files: list[str], articles: list[str], unread: str
) -> None:
    listing = Listing({name: File(A) for name in files}, {}, is_whole=True)
    found = FolderTree(Folder("ann", "news", "", ""), sections_of("", "t", listing))

    assert [*found.articles()] == articles
    assert found.unread() == folder_tree(found.to_bytes()).unread() == unread


def test_a_tree_of_100_000_files_takes_two_bytes_a_digit() -> None:
    files = {f"n{n}.md": f"{n:016x}" for n in range(100_000)}
    kept = tree(pages=files)

    stored = kept.to_bytes()

    assert len(stored) < 27 * len(files)
    assert folder_tree(stored).articles() == kept.articles()


def test_a_recursive_listing_gives_all_sections_without_templates_and_empty_files() -> None:
    listing = Listing(
        files={
            "1.md": File(A, 9), "empty.md": File(B, 0), "deep/2.md": File(C),
            "deep/templates/3.md": File(D), "a.png": File(D),
        },
        folders={"deep": "t1", "deep/templates": "t2", "images": "t3"},
        is_whole=True,
    )  # fmt: skip

    sections = sections_of("pages", "t0", listing)

    assert sections == {
        "pages": Section("t0", {"1.md": A}),
        "pages/deep": Section("t1", {"2.md": C}),
        "pages/images": Section("t3", {}),
    }


def test_an_index_is_an_article_where_it_is_alone() -> None:
    kept = tree(
        pages={"index.md": A},
        pages_bundle={"index.md": B, "index.zh.md": C},
        pages_list={"index.md": C, "x.md": D},
        pages_above={"index.md": A},
        pages_above_inner={"index.md": D},
    )

    assert sorted(kept.articles()) == [
        "pages/above/inner/index.md",
        "pages/bundle/index.md",
        "pages/bundle/index.zh.md",
        "pages/list/x.md",
    ]


def test_a_folder_that_cannot_be_remembered_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "FILES_KEPT", 1)

    with pytest.raises(DocumentError, match="name its sub-folders"):
        check_size(tree(pages={"1.md": A, "2.md": B}).sections)


def test_the_difference_of_two_trees() -> None:
    before = {"same": A, "edited": B, "left": C, "gone": D}
    now = {"same": A, "edited": "e" * 16, "here": C, "new": "f" * 16}

    found = difference(before, now)

    assert found.moved == {"here": "left"}
    assert found.removed == ["gone"]
    assert (found.added, found.changed) == (["new"], ["edited"])


def test_contents_that_change_places_move() -> None:
    found = difference({"1": A, "2": B}, {"1": C, "2": A, "3": B})

    assert found.moved == {"2": "1", "3": "2"}
    assert found.added == ["1"]
    assert (found.changed, found.removed) == ([], [])


def test_a_copy_is_added() -> None:
    assert difference({"1": A}, {"1": A, "2": A}).added == ["2"]


def test_an_article_keeps_its_first_path_as_guid_and_no_other_gets_it() -> None:
    before = FolderTree(FOLDER, guids={"b": "a"})

    moved = guids_after(before, {"c": A, "b": B}, {"c": "b"})
    back = guids_after(FolderTree(FOLDER, guids=moved), {"a": A}, {"a": "c"})

    assert moved == {"c": "a", "b": f"b#{B}"}  # "b" may be the guid of one that was removed
    assert back == {}
    assert guids_after(before, {"b": B, "a": C}, {}) == {"b": "a", "a": f"a#{C}"}
    assert guids_after(FolderTree(FOLDER), {"a": A}, {}, ["a"]) == {"a": f"a#{A}"}


def test_a_file_may_be_renamed_twice_between_two_polls() -> None:
    found = difference({"a": A, "x": D}, {"c": B, "x": D})
    changes = [Change("b", "a", "renamed", None), Change("c", "b", "renamed", None)]

    assert renames(changes, found) == {"c": "a"}
    assert renames(changes[1:], found) == {}


def test_what_is_put_off_is_remembered_as_it_was() -> None:
    before = tree(pages={"old.md": A}, pages_deep={"x.md": A})
    now = tree(pages={"old.md": B, "new.md": C}, pages_deep={"x.md": A})

    kept = accounted(now, before, ["pages/old.md", "pages/new.md"])

    assert kept.sections["pages"] == Section("", {"old.md": A})
    assert kept.same("pages", "pages") is None
    assert kept.same("pages/deep", "pages_deep") is not None


def test_an_article_that_is_put_off_while_its_file_is_renamed_keeps_its_guid() -> None:
    before = tree(pages={"b.md": A})
    before.guids = {"pages/b.md": "pages/a.md"}
    now = tree(pages={"c.md": B})

    kept = accounted(now, before, ["pages/c.md", "pages/b.md"])

    assert kept.articles() == {"pages/b.md": A}
    assert kept.guid("pages/b.md") == "pages/a.md"


def test_guids_that_were_listed_tell_what_is_known_where_no_tree_is() -> None:
    now = tree(pages={"1.md": A, "2.md": B, "3.md": C})

    kept = known_by_guids(
        now, {"pages/2.md": "pages/0.md"}, {guid_digest("pages/1.md"), guid_digest("pages/0.md")}
    )

    assert list(kept.articles()) == ["pages/1.md", "pages/2.md"]


def test_thousands_of_files_with_one_content_may_be_renamed_at_once() -> None:
    before = {f"old/{number}.md": A for number in range(20_000)}
    now = {f"new/{number}.md": A for number in reversed(range(20_000))}
    begun = time.process_time()

    found = difference(before, now | {"more.md": A})

    assert found.moved == {f"new/{n}.md": f"old/{n}.md" for n in range(20_000)}
    assert (found.added, found.changed, found.removed) == (["more.md"], [], [])
    assert time.process_time() - begun < 2
