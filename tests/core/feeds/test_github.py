from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from core.errors import DocumentError
from core.feeds.github import (
    FIRST_TAKEN,
    Change,
    Folder,
    articles_in,
    commits_url,
    folder_feed,
    folder_of,
    is_github,
    read_changes,
    read_commits,
    read_contents,
    read_tree,
    renamed,
)

FOLDER = Folder("ann", "news", "main", "pages")
RAW = "https://raw.example"


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://github.com/ann/news", Folder("ann", "news", "", "")),
        ("https://github.com/ann/news.git", Folder("ann", "news", "", "")),
        ("https://github.com/ann/news/tree/main", Folder("ann", "news", "main", "")),
        ("https://github.com/ann/news/tree/main/a%20b/c/", Folder("ann", "news", "main", "a b/c")),
        ("https://github.com/ann/news/releases", None),
        ("https://github.com/ann/../tree/x", None),
        ("https://github.com/ann", None),
        ("https://[bad/ann/news", None),
    ],
)
def test_an_address_names_a_folder(url: str, folder: Folder | None) -> None:
    assert folder_of(url) == folder


def test_only_folders_on_github_itself_are_taken_for_one_unasked() -> None:
    assert is_github("https://github.com/ann/news/tree/main/pages")
    assert not is_github("https://github.com/ann/news/releases")
    assert not is_github("https://news.example/ann/news")


def test_commits_are_asked_for_the_folder_and_branch_alone() -> None:
    url = commits_url("https://api.example/", Folder("ann", "news", "b/1", "a b"))

    assert url == "https://api.example/repos/ann/news/commits?per_page=30&path=a%20b&sha=b%2F1"


def test_a_page_of_commits_is_read() -> None:
    listing = [
        {"sha": "b2", "commit": {"committer": {"date": "2026-01-02T00:00:00Z"}}},
        {"sha": "a1", "commit": None},
        {"sha": 7},
        "junk",
    ]

    commits = read_commits(json.dumps(listing).encode())

    assert [commit.sha for commit in commits] == ["b2", "a1"]
    assert commits[0].date == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("junk", [b"", b"{}", b"<html>", b'{"message": "Not Found"}', b"[" * 9999])
def test_junk_is_an_error_of_ours(junk: bytes) -> None:
    for read in (read_commits, read_tree, read_contents):
        with pytest.raises(DocumentError):
            read(junk)


def test_a_tree_that_is_not_whole_is_refused() -> None:
    with pytest.raises(DocumentError, match="not whole"):
        read_tree(json.dumps({"tree": [], "truncated": True}).encode())


def test_articles_are_the_markdown_files_of_the_folder_newest_name_first() -> None:
    files = dict.fromkeys(
        ("pages/n9.md", "pages/n10.md", "pages/deep/x.MARKDOWN", "pages/README.md", "pages/a.png",
         "pages/README.zh-CN.md", "other/n1.md", "README.md", "pages2/n1.md"),
        "sha",
    )  # fmt: skip

    assert list(articles_in(files, FOLDER)) == [
        "pages/n10.md",
        "pages/n9.md",
        "pages/deep/x.MARKDOWN",
    ]


def test_a_renamed_article_keeps_its_first_path_as_guid() -> None:
    articles = {"pages/c.md": "1", "pages/d.md": "2"}
    first = renamed({}, [Change("pages/b.md", "pages/a.md", None)], {"pages/b.md": "1"})
    second = renamed(first, [Change("pages/c.md", "pages/b.md", None)], articles)

    assert second == {"pages/c.md": "pages/a.md"}
    feed = folder_feed(FOLDER, articles, raw=RAW, ref="sha", names=second, first=False)
    assert [entry.guid for entry in feed.entries] == ["pages/a.md", "pages/d.md"]
    assert feed.entries[0].body_urls[0] == "https://raw.example/ann/news/sha/pages/c.md"


def test_changed_files_come_first_with_the_date_of_their_change() -> None:
    document = {
        "commit": {"author": {"date": "2026-01-02T00:00:00Z"}},
        "files": [
            {"filename": "pages/a.md", "status": "modified"},
            {"filename": "pages/gone.md", "status": "removed"},
        ],
    }
    changes = read_changes(json.dumps(document).encode())

    feed = folder_feed(
        FOLDER, {"pages/b.md": "1", "pages/a.md": "2"}, raw=RAW, ref="x", names={},
        changes=changes, first=False,
    )  # fmt: skip

    assert [(e.guid, e.version) for e in feed.entries] == [("pages/a.md", "2"), ("pages/b.md", "1")]
    assert feed.entries[0].updated == datetime(2026, 1, 2, tzinfo=UTC)


def test_a_first_poll_takes_the_newest_and_knows_the_others() -> None:
    articles = {f"pages/{n}.md": str(n) for n in range(FIRST_TAKEN + 5)}

    first = folder_feed(FOLDER, articles, raw=RAW, ref="x", names={}, first=True)
    later = folder_feed(FOLDER, articles, raw=RAW, ref="x", names={}, first=False)

    assert (len(first.entries), len(first.listed)) == (FIRST_TAKEN, 5)
    assert (len(later.entries), len(later.listed)) == (FIRST_TAKEN + 5, 0)
