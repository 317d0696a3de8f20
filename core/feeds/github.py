"""GitHub's REST API without I/O: the URLs to fetch, and parsers for the responses.

https://docs.github.com/en/rest/git/trees and https://docs.github.com/en/rest/commits/commits
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from core.dates import parse_date
from core.errors import DocumentError

COMMITS_LISTED = 30  # per folder; only the newest is needed, the others provide dates
BLOB_DIGITS = 16  # of a blob id: 64 bits are enough to distinguish 100,000 files

_SHA = re.compile(r"[\w.-]{1,64}")


class Folder(NamedTuple):
    """A folder of a repository; an empty branch means the default one."""

    owner: str
    repository: str
    branch: str
    path: str


class Commit(NamedTuple):
    """One commit that changed the folder."""

    sha: str
    date: datetime | None
    tree: str  # of the whole repository at this commit


class Change(NamedTuple):
    """The change of one file in a commit."""

    path: str
    before: str | None  # its previous path, if git reports a rename
    status: str  # added, modified, renamed
    date: datetime | None


class File(NamedTuple):
    """A file of a tree."""

    blob: str  # content id, cut to BLOB_DIGITS
    size: int | None = None  # bytes, if the API states it


class Listing(NamedTuple):
    """One tree: file names, or relative paths if it was listed recursively."""

    files: dict[str, File]
    folders: dict[str, str]  # folder -> id of its tree
    is_whole: bool

    def below(self, name: str) -> Listing:
        """One folder of a recursive listing, as its own listing."""
        inside = name + "/"
        cut = len(inside)
        return Listing(
            {path[cut:]: file for path, file in self.files.items() if path.startswith(inside)},
            {path[cut:]: tree for path, tree in self.folders.items() if path.startswith(inside)},
            self.is_whole,
        )


def folder_of(url: str) -> Folder | None:
    """Parse the URL of a folder: `…/OWNER/REPO` or `…/OWNER/REPO/tree/BRANCH/PATH`."""
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
    """Whether `kind: auto` treats this URL as a folder of articles."""
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    return host == "github.com" and folder_of(url) is not None


def commits_url(api: str, folder: Folder) -> str:
    """URL of the newest commits that changed the folder."""
    query = f"per_page={COMMITS_LISTED}"
    if folder.path:
        query += "&path=" + quote(folder.path, safe="/")
    if folder.branch:
        query += "&sha=" + quote(folder.branch, safe="")
    return f"{_repository(api, folder)}/commits?{query}"


def commit_url(api: str, folder: Folder, sha: str) -> str:
    """URL of the changes of one commit."""
    return f"{_repository(api, folder)}/commits/{sha}"


def tree_url(api: str, folder: Folder, tree: str, *, recursive: bool = False) -> str:
    """URL of a tree, by its id or that of a commit; GitHub may truncate a recursive listing."""
    url = f"{_repository(api, folder)}/git/trees/{tree}"
    return url + "?recursive=1" if recursive else url


def page_url(folder: Folder, path: str, commit: str | None = None) -> str:
    """URL of the web page of a file, on the branch or at a commit."""
    place = f"{quote(folder.owner)}/{quote(folder.repository)}"
    reference = commit or folder.branch or "HEAD"
    return f"https://github.com/{place}/blob/{reference}/{quote(path, safe='/')}"


def raw_urls(raw: str, folder: Folder, commit: str, path: str) -> tuple[str, ...]:
    """URLs of a file's content at the commit, then on the branch, which may be cached."""
    place = f"{raw.rstrip('/')}/{quote(folder.owner)}/{quote(folder.repository)}"
    references = (commit, folder.branch or "HEAD")
    return tuple(f"{place}/{quote(ref, safe='')}/{quote(path, safe='/')}" for ref in references)


def read_commits(data: bytes) -> list[Commit]:
    """Parse a list of commits, newest first. Raises DocumentError."""
    document = _json(data)
    if not isinstance(document, list):
        raise DocumentError("GitHub returned no list of commits")
    return [
        Commit(sha, _date(commit), _tree(commit) or sha)
        for commit in document
        if isinstance(commit, dict) and (sha := _sha(commit.get("sha")))
    ]


def read_changes(data: bytes) -> list[Change]:
    """Parse the files changed by a commit, without removed ones. Raises DocumentError."""
    document = _json(data)
    files = document.get("files") if isinstance(document, dict) else None
    date = _date(document) if isinstance(document, dict) else None
    return [
        Change(path, _text(file.get("previous_filename")), str(file.get("status")), date)
        for file in (files if isinstance(files, list) else [])
        if isinstance(file, dict)
        and file.get("status") != "removed"
        and (path := _text(file.get("filename")))
    ]


def read_tree(data: bytes) -> Listing:
    """Parse the files and folders of a tree. Raises DocumentError."""
    document = _json(data)
    items = document.get("tree") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise DocumentError("GitHub returned no tree")
    files: dict[str, File] = {}
    folders: dict[str, str] = {}
    for item in items:
        path = _text(item.get("path")) if isinstance(item, dict) else None
        sha = _sha(item.get("sha")) if path else None
        if path is None or sha is None:
            continue
        if item.get("type") == "tree":
            folders[path] = sha
        elif item.get("type") == "blob" and item.get("mode") != "120000":  # symbolic link
            size = item.get("size")
            files[path] = File(
                sha[:BLOB_DIGITS].zfill(BLOB_DIGITS), size if isinstance(size, int) else None
            )
    return Listing(files, folders, not document.get("truncated"))


def rate_limit(
    status: int, headers: Mapping[str, str], *, now: float, otherwise: float = 60.0
) -> float | None:
    """Seconds until GitHub's rate limit allows a request; None if the refusal has another cause.

    Headers state the hourly limit. A secondary limit is stated by Retry-After, or not at all; then
    wait at least a minute (`otherwise`):
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if status not in (403, 429):
        return None
    after, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    if after.isdecimal():
        return float(after[:9])
    if headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
        return max(1.0, int(reset[:12]) - now)
    return otherwise if status == 429 else None


def _repository(api: str, folder: Folder) -> str:
    return f"{api.rstrip('/')}/repos/{quote(folder.owner)}/{quote(folder.repository)}"


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DocumentError("GitHub's answer is not JSON") from error


def _date(commit: dict[str, Any]) -> datetime | None:
    inner = commit.get("commit")
    for who in ("committer", "author"):
        stated = inner.get(who) if isinstance(inner, dict) else None
        if isinstance(stated, dict) and isinstance(stated.get("date"), str):
            return parse_date(stated["date"])
    return None


def _tree(commit: dict[str, Any]) -> str | None:
    inner = commit.get("commit")
    tree = inner.get("tree") if isinstance(inner, dict) else None
    return _sha(tree.get("sha")) if isinstance(tree, dict) else None


def _sha(value: object) -> str | None:
    return value if isinstance(value, str) and _SHA.fullmatch(value) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 1024 else None
