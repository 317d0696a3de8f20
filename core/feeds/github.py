"""A folder of markdown articles in a GitHub repository, read as a feed.

The commits say whether anything changed, the tree which files there are, the changes of a commit
which file was renamed. A file keeps its first path as guid through renames and rewrites.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from core.errors import DocumentError
from core.feeds.feed_dates import parse_date
from core.models import FeedEntry, ParsedFeed

FIRST_TAKEN = 100  # files that a first poll takes in; the others are known from then on
TAKEN = 2000  # files that any poll looks at; older ones are only known
FILES_KEPT = 20_000
RENAMES_KEPT = 2000

_ARTICLE = re.compile(r"\.(?:md|markdown)$", re.IGNORECASE)
_NO_ARTICLE = re.compile(
    r"(?:readme|license|licence|contributing|changelog|code_of_conduct|security|summary|index"
    r"|_sidebar|_navbar|_index)(?:[._-][\w-]{2,7})?\.(?:md|markdown)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"(\d+)")


class Folder(NamedTuple):
    """A folder of a repository; an empty branch is the default one."""

    owner: str
    repository: str
    branch: str
    path: str


class Commit(NamedTuple):
    """One change of the folder."""

    sha: str
    date: datetime | None


class Change(NamedTuple):
    """What a commit did to one file."""

    path: str
    before: str | None  # its path before it was renamed
    date: datetime | None


def folder_of(url: str) -> Folder | None:
    """The folder that an address names: `…/OWNER/REPO` or `…/OWNER/REPO/tree/BRANCH/PATH`."""
    try:
        steps = [unquote(step) for step in urlsplit(url).path.split("/") if step]
    except ValueError:
        return None
    if len(steps) < 2 or any(step in (".", "..") for step in steps):
        return None
    owner, repository = steps[0], steps[1].removesuffix(".git")
    if len(steps) == 2:
        return Folder(owner, repository, "", "")
    if steps[2] in ("tree", "blob") and len(steps) > 3:
        return Folder(owner, repository, steps[3], "/".join(steps[4:]))
    return None


def is_github(url: str) -> bool:
    """Whether `kind: auto` may take this address for a folder of articles."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return host == "github.com" and folder_of(url) is not None


def commits_url(api: str, folder: Folder) -> str:
    """The newest commits that touched the folder."""
    query = "per_page=30"
    if folder.path:
        query += "&path=" + quote(folder.path, safe="/")
    if folder.branch:
        query += "&sha=" + quote(folder.branch, safe="")
    return f"{_repository(api, folder)}/commits?{query}"


def commit_url(api: str, folder: Folder, sha: str) -> str:
    """What one commit changed."""
    return f"{_repository(api, folder)}/commits/{sha}"


def tree_url(api: str, folder: Folder, sha: str) -> str:
    """All files at one commit."""
    return f"{_repository(api, folder)}/git/trees/{sha}?recursive=1"


def contents_url(api: str, folder: Folder, path: str, sha: str) -> str:
    """The files of one folder at one commit."""
    return f"{_repository(api, folder)}/contents/{quote(path, safe='/')}?ref={sha}"


def read_commits(data: bytes) -> list[Commit]:
    """The commits of a listing, newest first. Raises DocumentError."""
    document = _json(data)
    if not isinstance(document, list):
        raise DocumentError("GitHub returned no commit list")
    return [
        Commit(sha, _date(commit))
        for commit in document
        if isinstance(commit, dict) and (sha := _sha(commit.get("sha")))
    ]


def read_changes(data: bytes) -> list[Change]:
    """What a commit did to articles."""
    document = _json(data)
    files = document.get("files") if isinstance(document, dict) else None
    date = _date(document) if isinstance(document, dict) else None
    return [
        Change(path, _text(file.get("previous_filename")), date)
        for file in (files if isinstance(files, list) else [])
        if isinstance(file, dict)
        and file.get("status") != "removed"
        and (path := _text(file.get("filename")))
    ]


def read_tree(data: bytes) -> dict[str, str]:
    """Path and blob of every file of a tree. Raises DocumentError when it is not all of them."""
    document = _json(data)
    tree = document.get("tree") if isinstance(document, dict) else None
    if not isinstance(tree, list) or document.get("truncated"):
        raise DocumentError("the tree is not whole")
    return _blobs(tree, kind="blob")


def read_contents(data: bytes) -> tuple[dict[str, str], list[str]]:
    """Path and blob of every file of one folder, and the folders in it."""
    document = _json(data)
    if not isinstance(document, list):
        raise DocumentError("GitHub returned no folder listing")
    folders = [
        path
        for item in document
        if isinstance(item, dict)
        and item.get("type") == "dir"
        and (path := _text(item.get("path")))
    ]
    return _blobs(document, kind="file"), folders


def articles_in(files: Mapping[str, str], folder: Folder) -> dict[str, str]:
    """The articles among `files`, the newest by name first."""
    inside = folder.path + "/" if folder.path else ""
    found = [
        path
        for path in files
        if path.startswith(inside)
        and _ARTICLE.search(path)
        and not _NO_ARTICLE.fullmatch(path.rpartition("/")[2])
    ]
    found.sort(key=_natural, reverse=True)
    return {path: files[path] for path in found[:FILES_KEPT]}


def renamed(
    before: Mapping[str, str], changes: Iterable[Change], articles: Mapping[str, str]
) -> dict[str, str]:
    """Path to guid of every article that is known under an older path."""
    names = dict(before)
    for change in changes:
        if change.before is not None and change.before != change.path:
            names[change.path] = names.pop(change.before, change.before)
    kept = {path: guid for path, guid in names.items() if path in articles}
    return dict(list(kept.items())[-RENAMES_KEPT:])


def folder_feed(
    folder: Folder,
    articles: Mapping[str, str],
    *,
    raw: str,
    ref: str,
    names: Mapping[str, str],
    changes: Sequence[Change] = (),
    first: bool,
) -> ParsedFeed:
    """The folder as a feed document; bodies are still to be fetched.

    `names` are guids of renamed articles; a `first` poll takes only the newest files in.
    """
    dates = {change.path: change.date for change in changes}
    ordered = [path for path in dates if path in articles]
    ordered += [path for path in articles if path not in dates]
    taken = ordered[: FIRST_TAKEN if first else TAKEN]
    return ParsedFeed(
        title=f"{folder.owner}/{folder.repository}",
        link=f"https://github.com/{folder.owner}/{folder.repository}",
        entries=tuple(
            FeedEntry(
                guid=names.get(path, path),
                position=at,
                link=_page_url(folder, path),
                updated=dates.get(path),
                content_type="markdown",
                base=_raw_url(raw, folder, ref, path),
                body_urls=_raw_urls(raw, folder, ref, path),
                version=articles[path],
                source_title=f"{folder.owner}/{folder.repository}",
            )
            for at, path in enumerate(taken)
        ),
        listed=tuple((names.get(path, path), articles[path]) for path in ordered[len(taken) :]),
    )


def _raw_urls(raw: str, folder: Folder, ref: str, path: str) -> tuple[str, ...]:
    """The file at the very commit; a cache may hold the branch of five minutes ago."""
    refs = (ref, folder.branch or "HEAD")
    return tuple(_raw_url(raw, folder, name, path) for name in refs)


def _raw_url(raw: str, folder: Folder, ref: str, path: str) -> str:
    place = f"{quote(folder.owner)}/{quote(folder.repository)}/{quote(ref, safe='')}"
    return f"{raw.rstrip('/')}/{place}/{quote(path, safe='/')}"


def _page_url(folder: Folder, path: str) -> str:
    place = f"{quote(folder.owner)}/{quote(folder.repository)}"
    return f"https://github.com/{place}/blob/{folder.branch or 'HEAD'}/{quote(path, safe='/')}"


def _repository(api: str, folder: Folder) -> str:
    return f"{api.rstrip('/')}/repos/{quote(folder.owner)}/{quote(folder.repository)}"


def _blobs(items: list[Any], *, kind: str) -> dict[str, str]:
    return {
        path: sha
        for item in items
        if isinstance(item, dict)
        and item.get("type") == kind
        and (path := _text(item.get("path")))
        and (sha := _sha(item.get("sha")))
    }


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DocumentError("the answer of the API is no JSON") from error


def _date(commit: dict[str, Any]) -> datetime | None:
    inner = commit.get("commit")
    for who in ("committer", "author"):
        stated = inner.get(who) if isinstance(inner, dict) else None
        if isinstance(stated, dict) and isinstance(stated.get("date"), str):
            return parse_date(stated["date"])
    return None


def _sha(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(r"[\w.-]{1,64}", value) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 1024 else None


def _natural(path: str) -> list[tuple[int, str]]:
    """Order of names in which 10 comes after 9."""
    return [(int(p), "") if p.isdigit() else (-1, p.lower()) for p in _NUMBERS.split(path[:1024])]
