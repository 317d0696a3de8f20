"""`kind: github`: a repository folder of markdown articles, by GitHub's REST API.

An unchanged folder costs one conditional request. Changed or new files are entries whose bodies
are fetched one by one like pages.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from core.config.settings import Source
from core.errors import BadStatus, DocumentError, FetchError, TooLarge
from core.feeds.charset import decode
from core.feeds.github import (
    Change,
    Commit,
    Folder,
    articles_in,
    commit_url,
    commits_url,
    contents_url,
    folder_feed,
    folder_of,
    read_changes,
    read_commits,
    read_contents,
    read_tree,
    renamed,
    tree_url,
)
from core.models import FeedEntry
from core.polling.interval import Wishes
from core.polling.politeness import freshness, retry_after
from store.sources import SourceState
from workers.http.client import Fetcher
from workers.http.response import PAGE_LINE, Access, Response, host_of
from workers.sources.result import Polled

if TYPE_CHECKING:
    from workers.sources.fetch import Asking

COMMITS_READ = 10  # whose changes are read one by one, for renames and dates
FOLDERS_READ = 30  # where an API gives no tree
PATIENCE = 60.0  # seconds; a poll that has begun goes on to its end

_ACCEPT = "application/vnd.github+json"


async def ask_github(asking: Asking, source: Source, state: SourceState) -> Polled:
    """One poll of a folder. Raises FetchError or DocumentError."""
    folder = folder_of(source.url)
    if folder is None:
        raise DocumentError("no folder on GitHub: …/OWNER/REPO or …/OWNER/REPO/tree/BRANCH/PATH")
    api = asking.fetcher.settings.github.api
    answer = await _get(asking, commits_url(api, folder), state)
    if answer.status == 304:
        return _unchanged(asking, answer)
    commits = read_commits(answer.body)
    head = commits[0].sha if commits else ""
    if not commits or head == state.body_hash:
        return _unchanged(asking, answer)
    changes = await _changes(asking, folder, _new_among(commits, state))
    articles = articles_in(await _files(asking, folder, head), folder)
    names = renamed(state.renamed, changes, articles)
    feed = folder_feed(
        folder,
        articles,
        raw=asking.fetcher.settings.github.raw,
        ref=head,
        names=names,
        changes=changes,
        first=not state.first_poll_done,
    )
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=feed,
        etag=answer.etag,
        last_modified=answer.last_modified,
        body_hash=head,
        wishes=_wishes(asking, answer),
        seconds=answer.elapsed,
        size=len(answer.body),
        kind="github",
        renamed=names,
    )


async def fetch_body(fetcher: Fetcher, entry: FeedEntry) -> FeedEntry:
    """An entry whose document only named its body, with that body. Raises FetchError."""
    status = 404
    for url in entry.body_urls:
        answer = await fetcher.get(
            url,
            accept="text/plain, */*;q=0.5",
            max_bytes=fetcher.settings.max_bytes.page,
            line=PAGE_LINE,
        )
        if answer.status == 200 and answer.complete:
            text = decode(answer.body, content_type=answer.content_type).text
            return entry.model_copy(update={"content": text, "body_urls": ()})
        status = answer.status
    raise BadStatus(status, host_of(entry.body_urls[0]))


def _new_among(commits: list[Commit], state: SourceState) -> list[Commit]:
    """The commits since the last poll, oldest first, if they are few enough to be read."""
    shas = [commit.sha for commit in commits]
    if state.body_hash not in shas:
        return []
    new = commits[: shas.index(state.body_hash)]
    return new[::-1] if len(new) <= COMMITS_READ else []


async def _changes(asking: Asking, folder: Folder, commits: list[Commit]) -> list[Change]:
    """What these commits did; one that cannot be read costs its renames and dates only."""
    found: list[Change] = []
    for commit in commits:
        url = commit_url(asking.fetcher.settings.github.api, folder, commit.sha)
        try:
            found += read_changes((await _get(asking, url)).body)
        except (BadStatus, DocumentError, TooLarge):
            continue
    return found


async def _files(asking: Asking, folder: Folder, sha: str) -> dict[str, str]:
    """Path and blob of all files at a commit: as one tree, or folder by folder."""
    api = asking.fetcher.settings.github.api
    try:
        answer = await _get(asking, tree_url(api, folder, sha))
        return await asking.sandbox.run(read_tree, answer.body)
    except (BadStatus, DocumentError, TooLarge):
        pass  # too large for one answer, or not offered
    files: dict[str, str] = {}
    waiting = [folder.path]
    for _ in range(FOLDERS_READ):
        if not waiting:
            break
        url = contents_url(api, folder, waiting.pop(0), sha)
        here, folders = read_contents((await _get(asking, url)).body)
        files |= here
        waiting += folders
    return files


async def _get(asking: Asking, url: str, state: SourceState | None = None) -> Response:
    token = os.environ.get("GITHUB_TOKEN")
    secret = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await asking.fetcher.get(
        url,
        accept=_ACCEPT,
        headers={"X-GitHub-Api-Version": "2022-11-28"},
        access=Access(asking.fetcher.settings.github.api, headers=secret),
        etag=state.etag if state else None,
        last_modified=state.last_modified if state else None,
        patience=PATIENCE,
    )
    if answer.status not in (200, 304):
        raise BadStatus(answer.status, host_of(url), retry_after=_wait(asking, answer))
    if not answer.complete:
        raise FetchError("the answer of the API broke off")
    return answer


def _wait(asking: Asking, answer: Response) -> float | None:
    """GitHub says when its hourly allowance is full again, in a header of its own."""
    cap = asking.fetcher.settings.backoff.cap
    stated = retry_after(answer.headers, now=asking.now, cap=cap)
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if stated is None and answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return min(max(0.0, int(reset[:12]) - asking.now), cap)
    return stated


def _unchanged(asking: Asking, answer: Response) -> Polled:
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=None,
        etag=answer.etag,
        last_modified=answer.last_modified,
        wishes=_wishes(asking, answer),
        seconds=answer.elapsed,
        size=len(answer.body),
    )


def _wishes(asking: Asking, answer: Response) -> Wishes:
    return Wishes(fresh=freshness(answer.headers, now=asking.now))
