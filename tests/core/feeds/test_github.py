from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from core.errors import DocumentError
from core.feeds.github import (
    Folder,
    commits_url,
    folder_of,
    is_github,
    rate_limit,
    read_changes,
    read_commits,
    read_tree,
)


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
    commit = {"committer": {"date": "2026-01-02T00:00:00Z"}, "tree": {"sha": "t1"}}
    listing = [{"sha": "b2", "commit": commit}, {"sha": "a1", "commit": None}, {"sha": 7}, "junk"]

    commits = read_commits(json.dumps(listing).encode())

    assert [(commit.sha, commit.tree) for commit in commits] == [("b2", "t1"), ("a1", "a1")]
    assert commits[0].date == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("junk", [b"", b"{}", b"<html>", b'{"message": "Not Found"}', b"[" * 9999])
def test_junk_is_an_error_of_ours(junk: bytes) -> None:
    for read in (read_commits, read_tree):
        with pytest.raises(DocumentError):
            read(junk)


def test_a_tree_holds_files_and_folders_but_no_links() -> None:
    tree = [
        {"path": "a.md", "type": "blob", "mode": "100644", "sha": "a" * 40, "size": 7},
        {"path": "b.md", "type": "blob", "mode": "120000", "sha": "b" * 40},
        {"path": "sub", "type": "tree", "mode": "040000", "sha": "c" * 40},
        {"path": "module", "type": "commit", "mode": "160000", "sha": "d" * 40},
        "junk",
        {"path": 7},
    ]

    listing = read_tree(json.dumps({"tree": tree, "truncated": True}).encode())

    assert listing.files == {"a.md": ("a" * 16, 7)}
    assert listing.folders == {"sub": "c" * 40}
    assert not listing.is_whole


def test_what_a_commit_removed_is_no_change() -> None:
    document = {
        "commit": {"author": {"date": "2026-01-02T00:00:00Z"}},
        "files": [
            {"filename": "b.md", "status": "renamed", "previous_filename": "a.md"},
            {"filename": "gone.md", "status": "removed"},
        ],
    }

    (change,) = read_changes(json.dumps(document).encode())

    assert change == ("b.md", "a.md", "renamed", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1600"}, 600),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}, 1),
        (403, {"Retry-After": "30", "X-RateLimit-Remaining": "55"}, 30),
        (429, {}, 60),
        (403, {}, None),
        (403, {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "1600"}, None),
        (502, {"Retry-After": "30"}, None),
    ],
)
def test_a_refusal_says_when_the_allowance_is_full_again(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert rate_limit(status, headers, now=1000.0) == seconds
