"""Requests to GitHub's REST API within its rate limits, and reading of trees.

A response that reports a rate limit pauses the host for all sources until the stated time.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import structlog

from core.errors import BadStatus, DocumentError, FetchError, Phrase, RateLimited, in_english
from core.feeds.folder import Section, check_size, sections_of
from core.feeds.foldertree import FolderTree
from core.feeds.github import (
    Change,
    Folder,
    Listing,
    commit_url,
    commits_url,
    rate_limit,
    read_changes,
    read_tree,
    tree_url,
)
from store.hosts import host_pause, pause_host
from store.sources import SourceState
from workers.http.response import Access, Response, shown_host
from workers.sources.documents import PollTools

log = structlog.get_logger()

ALLOWANCE = 60  # requests an hour for an address without a token
ALLOWANCE_WITH_TOKEN = 5000
MOST_REQUESTS = 50  # in one poll without a token: the rest is for other sources
MOST_WITH_TOKEN = 1000
TREE_BYTES = 48 * 2**20  # a listing of 100,000 files is 25 MB
ONE_BY_ONE = 3  # changed sub-folders; if there are more, one recursive listing is fetched
PATIENCE = 60.0  # seconds for which a request waits for the limits of its host

_TYPE = "application/vnd.github+json"


class GithubApi:
    """GitHub's API for one poll of one folder."""

    def __init__(self, tools: PollTools, folder: Folder) -> None:
        self._tools = tools
        self._folder = folder
        self._address = tools.fetcher.settings.github.api
        self._own = commits_url(self._address, folder)  # the key for fair shares of the sandbox
        self._token = os.environ.get("GITHUB_TOKEN")
        self._requests = 0
        self._left: int | None = None  # of the hourly allowance, as the last response stated

    async def commits(self, state: SourceState) -> Response:
        """The newest commits of the folder, or 304. Raises FetchError."""
        return await self._get(self._own, state)

    async def tree(self, tree: str, *, recursive: bool = False) -> Listing:
        """One tree. Raises FetchError or DocumentError."""
        answer = await self._get(tree_url(self._address, self._folder, tree, recursive=recursive))
        sandbox = self._tools.sandbox
        return await sandbox.run(read_tree, answer.body, on_behalf=self._own)

    async def changes(self, sha: str) -> list[Change]:
        """The changes of a commit. Raises FetchError or DocumentError."""
        answer = await self._get(commit_url(self._address, self._folder, sha))
        sandbox = self._tools.sandbox
        return await sandbox.run(read_changes, answer.body, on_behalf=self._own)

    def spare(self) -> int:
        """The number of requests for optional data: a quarter of those left beyond half an hour."""
        left = MOST_REQUESTS - self._requests if self._left is None else self._left
        return max(0, (left - ALLOWANCE // 2) // 4)

    async def _get(self, url: str, state: SourceState | None = None) -> Response:
        await self._check_allowance(shown_host(url))
        self._requests += 1
        secret = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        answer = await self._tools.fetcher.get(
            url,
            accept=_TYPE,
            headers={"X-GitHub-Api-Version": "2022-11-28"},
            access=Access(self._address, headers=secret),
            etag=state.etag if state else None,
            last_modified=state.last_modified if state else None,
            max_bytes=TREE_BYTES,
            patience=PATIENCE,
        )
        left = answer.headers.get("X-RateLimit-Remaining", "")
        self._left = int(left[:9]) if left.isdecimal() else None
        if answer.status not in (200, 304):
            await self._refused(answer)
        if not answer.complete:
            raise FetchError("the answer of {host} broke off", host=shown_host(url))
        return answer

    async def _check_allowance(self, host: str) -> None:
        pause = await host_pause(self._tools.store, host)
        if pause is not None:
            seconds, reason = pause
            raise RateLimited(429, host, retry_after=seconds, phrase=reason, advice=self._advice())
        most = MOST_WITH_TOKEN if self._token else MOST_REQUESTS
        if self._requests >= most:
            reason = Phrase(
                "{host}: the folder takes more than {most} requests to read, it goes on in an hour",
                {"host": host, "most": str(most)},
            )
            raise RateLimited(429, host, retry_after=3600.0, phrase=reason, advice=self._advice())

    async def _refused(self, answer: Response) -> None:
        host = shown_host(answer.url)
        seconds = rate_limit(answer.status, answer.headers, now=self._tools.now)
        if seconds is None:
            raise BadStatus(answer.status, host)
        seconds = min(seconds, self._tools.fetcher.settings.backoff.cap)
        until = datetime.fromtimestamp(self._tools.now + seconds, UTC)
        limit = answer.headers.get("X-RateLimit-Limit", str(ALLOWANCE))[:9]
        values = {"host": host, "time": f"{until:%H:%M}"}
        reason = Phrase("{host} limits requests: nothing is fetched before {time} UTC", values)
        if answer.headers.get("X-RateLimit-Remaining") == "0":
            reason = Phrase(
                "{host}: the allowance of {limit} requests an hour is used up, nothing is fetched "
                "before {time} UTC", {**values, "limit": limit},
            )  # fmt: skip
        await pause_host(self._tools.store, host, seconds, reason)
        advice = self._advice()
        said = in_english((reason, advice) if advice else (reason,))
        log.warning("github.paused", host=host, seconds=round(seconds), reason=said)
        raise RateLimited(answer.status, host, retry_after=seconds, phrase=reason, advice=advice)

    def _advice(self) -> Phrase | None:
        if self._token:
            return None
        return Phrase(
            "GITHUB_TOKEN in the environment raises the allowance to {count} an hour",
            {"count": f"{ALLOWANCE_WITH_TOKEN:,}"},
        )


class TreeReader:
    """Reads the trees of one folder; `read` holds those read so far, also after an error."""

    def __init__(self, api: GithubApi, folder: Folder, *known: FolderTree | None) -> None:
        self.read = FolderTree(folder)
        self._api = api
        self._folder = folder
        self._known = [tree for tree in known if tree is not None and tree.folder == folder]

    async def at(self, root: str) -> FolderTree:
        """The folder in the tree `root` of its repository. Raises FetchError or DocumentError."""
        path, tree = self._folder.path, root
        listing: Listing | None = None
        for step in path.split("/") if path else ():
            listing = listing or await self._api.tree(tree)
            inner = listing.below(step)
            tree = listing.folders.get(step, "")
            listing = inner if inner.files or inner.folders else None
            if listing is None and not tree:
                return FolderTree(self._folder, {path: Section("", {})})
        sections = await self._sections(path, tree, listing)
        check_size(sections)
        return FolderTree(self._folder, sections)

    async def _sections(
        self, path: str, tree: str, listing: Listing | None = None
    ) -> dict[str, Section]:
        """The sections at and below `path`."""
        if (same := self._same(path, tree)) is not None:
            return same
        listing = listing or await self._api.tree(tree)
        if not listing.is_whole:
            raise DocumentError("GitHub lists {path} only in part: name its sub-folders as sources",
                                path=path or "the repository")  # fmt: skip
        sections = sections_of(path, tree, listing)
        inner = {where: each.tree for where, each in sections.items() if where != path}
        if not any("/" in name for name in (*listing.files, *listing.folders)):  # not recursive
            sections |= await self._sections_below(tree, path, inner)
        self.read.sections |= sections
        return sections

    async def _sections_below(
        self, tree: str, path: str, inner: dict[str, str]
    ) -> dict[str, Section]:
        """The sections of the folders `inner` in a tree, and of those in them."""
        unread = [where for where, each in inner.items() if self._same(where, each) is None]
        if len(unread) > ONE_BY_ONE:
            whole = await self._api.tree(tree, recursive=True)
            if whole.is_whole:
                return sections_of(path, tree, whole)
        found: dict[str, Section] = {}
        for where, each in inner.items():
            found |= await self._sections(where, each)
        return found

    def _same(self, path: str, tree: str) -> dict[str, Section] | None:
        every = (known.same(path, tree) for known in (*self._known, self.read))
        return next((same for same in every if same is not None), None)
