"""`kind: github`: a repository folder of markdown articles, by GitHub's REST API.

An unchanged folder costs one conditional request. The news is the difference between the folder's
trees at the last poll and now. New and changed files become pending entries, whose bodies the page
job fetches one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from core.config.settings import Source
from core.errors import BadStatus, DocumentError, FetchError, HostBusy, RateLimited, ResourceLimit
from core.feeds.folder import (
    FIRST_TAKEN,
    dates_of,
    folder_entries,
    folder_feed,
    intake,
    readme_feed,
)
from core.feeds.foldertree import (
    Difference,
    FolderTree,
    accounted,
    difference,
    folder_tree,
    guids_after,
    known_by_guids,
    renames,
)
from core.feeds.github import Change, Commit, Folder, folder_of, raw_urls, read_commits
from core.feeds.paths import newest_first
from core.models import FeedEntry
from core.polling import PollingHints, freshness
from store.sources import SourceState, keep_reading, load_folder
from workers.http.response import Response
from workers.sources.documents import PARSE_SECONDS, Polled, PollTools, unchanged
from workers.sources.github_api import GithubApi, TreeReader
from workers.sources.github_body import Suspect, fetch_body, returned, same_articles

COMMITS_READ = 10  # of a push, one request each, where their renames or dates are needed
_NO_SUCH_TREE = (404, 409, 422)


@dataclass(frozen=True)
class FolderPoll:
    """One poll of a folder in progress."""

    tools: PollTools
    source: Source
    state: SourceState
    folder: Folder
    api: GithubApi
    commits: list[Commit]  # the newest first

    @property
    def is_first(self) -> bool:
        """Whether the folder was never read before."""
        return not self.state.first_poll_done

    @property
    def new_commits(self) -> list[Commit]:
        """The listed commits since the last poll."""
        shas = [commit.sha for commit in self.commits]
        known = self.state.body_hash
        return self.commits[: shas.index(known)] if known in shas else self.commits

    def entries(
        self,
        paths: Sequence[str],
        tree: FolderTree,
        dates: Mapping[str, datetime] = MappingProxyType({}),
    ) -> list[FeedEntry]:
        """The articles at `paths`, as of the newest commit, as entries without bodies."""
        return folder_entries(
            self.folder,
            paths,
            tree.articles(),
            guids=tree.guids,
            dates=dates,
            raw=self.tools.fetcher.settings.github.raw,
            commit=self.commits[0].sha,
        )


async def poll_folder(tools: PollTools, source: Source, state: SourceState) -> Polled:
    """One poll of a folder. Raises FetchError or DocumentError."""
    folder = folder_of(source.url)
    if folder is None:
        raise DocumentError("not a folder on GitHub: …/OWNER/REPO or …/OWNER/REPO/tree/BRANCH/PATH")
    api = GithubApi(tools, folder)
    answer = await api.commits(state)
    if answer.status == 304:
        return unchanged(answer, _wishes(tools, answer))
    commits = read_commits(answer.body)
    if not commits:
        branch, path = folder.branch or "the default branch", folder.path or "the repository"
        raise DocumentError(
            "no commit of {branch} touches {path}: check the address", branch=branch, path=path
        )
    if commits[0].sha == state.body_hash:
        return unchanged(answer, _wishes(tools, answer))
    return await _read(FolderPoll(tools, source, state, folder, api, commits), answer)


async def _read(poll: FolderPoll, answer: Response) -> Polled:
    """Read a folder that changed, or is read for the first time."""
    trees = await _trees(poll)
    before, now, first = trees
    articles, unread = now.articles(), now.unread()
    if not articles and unread:
        return await _readme(poll, answer, now)
    found = difference(before.articles(), articles)
    changes = await _changes(poll, found)
    fates = await _fates(poll, trees, found, changes)
    now.guids = guids_after(before, articles, found.moved | fates.renamed, fates.others)
    settled = fates.renamed.keys() | fates.undecided
    news = [path for path in found.added if path not in settled]
    news += [path for path in found.changed if path in fates.others]
    changed = [p for p in found.changed if p not in fates.others and p not in settled]
    dates = dates_of(changes)
    renamed = [*fates.renamed, *found.moved]
    taken = intake(newest_first(news, dates), changed, renamed, first=first)
    if not first and poll.commits[0].date is not None:  # the new commits brought them
        dates = dict.fromkeys(taken.news, poll.commits[0].date) | dates
    entries = poll.entries([*taken.news, *taken.revised], now, dates)
    feed = folder_feed(poll.folder, entries, [now.guid(path) for path in taken.revised])
    whole = not (put_off := [*taken.put_off, *fates.undecided])
    return Polled(
        status=answer.status,
        url=answer.url,
        feed=feed,
        # Postponed files are found at the next poll only if it does not end with "unchanged".
        etag=answer.etag if whole else None,
        last_modified=answer.last_modified if whole else None,
        body_hash=poll.commits[0].sha if whole else None,
        wishes=_wishes(poll.tools, answer),
        seconds=answer.elapsed,
        size=len(answer.body),
        kind="github",
        notes=(f"the folder holds files that are not read: {unread}",) if unread else (),
        tree=accounted(now, before, put_off, moved=found.moved.values()).to_bytes(),
    )


async def _readme(poll: FolderPoll, answer: Response, now: FolderTree) -> Polled:
    """A folder without articles, as the sections of its README. Raises DocumentError."""
    path, raw, feed = now.readme(), poll.tools.fetcher.settings.github.raw, None
    if path is not None:
        urls = raw_urls(raw, poll.folder, poll.commits[0].sha, path)
        file = FeedEntry(guid=path, position=0, body_urls=urls)
        text = (await fetch_body(poll.tools.store, poll.tools.fetcher, file)).content
        read = partial(readme_feed, poll.folder, path, text)
        url = poll.source.url
        feed = await poll.tools.sandbox.run(read, timeout=PARSE_SECONDS, on_behalf=url)
    if feed is None:
        files = now.unread()
        raise DocumentError(
            "the folder holds no article in markdown or plain text, only {files}", files=files
        )
    polled = unchanged(answer, _wishes(poll.tools, answer))
    return replace(polled, feed=feed, body_hash=poll.commits[0].sha, kind="github")


class Trees(NamedTuple):
    """The content of a folder at the last poll and now."""

    before: FolderTree
    now: FolderTree
    newest_alone: bool  # only the newest files count as news: the earlier content is unknown


async def _trees(poll: FolderPoll) -> Trees:
    stored = await load_folder(poll.tools.store, poll.source.name)
    before = folder_tree(stored.tree) if stored.tree and not poll.is_first else None
    cut_short = folder_tree(stored.reading) if stored.reading else None
    reader = TreeReader(poll.api, poll.folder, before, cut_short)
    try:
        if not poll.is_first and (before is None or not before.sections):
            before = await _at_last_commit(poll, reader, before)
        now = await reader.at(poll.commits[0].tree)
    except FetchError:
        if reader.read.sections:
            await keep_reading(poll.tools.store, poll.source.name, reader.read.to_bytes())
        raise
    if poll.is_first:
        return Trees(FolderTree(poll.folder), now, newest_alone=True)
    if before is None:
        seen = (await poll.tools.reader.remembered()).seen
        return Trees(known_by_guids(now, poll.state.renamed, seen), now, newest_alone=True)
    return Trees(before, now, newest_alone=False)


async def _at_last_commit(
    poll: FolderPoll, reader: TreeReader, remembered: FolderTree | None
) -> FolderTree | None:
    """The folder at the commit of the last poll, when no tree of it is stored in a known form.

    None when a force push removed that commit.
    """
    if poll.state.body_hash is None:
        return None
    try:
        tree = await reader.at(poll.state.body_hash)
    except BadStatus as fault:
        if fault.status in _NO_SUCH_TREE:
            return None
        raise
    tree.guids = dict(poll.state.renamed if remembered is None else remembered.guids)
    return tree


async def _changes(poll: FolderPoll, found: Difference) -> list[Change]:
    """The changes of the new commits, oldest first, where their renames or dates are needed.

    They are optional: unreadable ones are skipped, and none is read when GitHub's allowance of
    requests runs low.
    """
    several = len(found.added) > FIRST_TAKEN if poll.is_first else len(poll.new_commits) > 1
    if not (found.added and (found.removed or several)):
        return []
    changes: list[Change] = []
    for commit in poll.new_commits[: min(COMMITS_READ, poll.api.spare())]:
        try:
            changes[:0] = await poll.api.changes(commit.sha)
        except (RateLimited, HostBusy):
            break
        except (FetchError, DocumentError, ResourceLimit):
            continue
    return changes


class Fates(NamedTuple):
    """Which article the renamed, restored and rewritten files hold."""

    renamed: dict[str, str]  # new path -> old path of articles that are the same
    others: frozenset[str]  # paths that hold another article than before
    undecided: frozenset[str]  # paths, old ones of renamed files too, whose text is not available


async def _fates(poll: FolderPoll, trees: Trees, found: Difference, changes: list[Change]) -> Fates:
    """Compare the texts of files that may hold another article than before."""
    if poll.is_first:
        return Fates({}, frozenset(), frozenset())
    before, now = trees.before, trees.now
    maybe = renames(changes, found)
    left = set(found.moved.values())  # none of these paths holds its old article
    files = dict(zip(found.added, poll.entries(found.added, now), strict=True))
    suspects = [Suspect(path, before.guid(old), files[path]) for path, old in maybe.items()]
    back = await returned(poll.tools, [files[path] for path in files if path not in left])
    suspects += [
        Suspect(entry.guid, entry.guid, entry) for entry in back if entry.guid not in maybe
    ]
    rewritten = zip(found.changed, poll.entries(found.changed, now), strict=True)
    suspects += [
        Suspect(path, before.guid(path), entry, in_place=True) for path, entry in rewritten
    ]
    same = await same_articles(poll.tools, poll.source, suspects)
    undecided = {path for path, verdict in same.items() if verdict is None}
    others = {path for path, verdict in same.items() if verdict is False and path not in maybe}
    # Files that git calls renamed, but hold another article, at the path of a removed article.
    others |= {e.guid for e in back if e.guid in maybe and same.get(e.guid, False) is False}
    return Fates(
        renamed={path: old for path, old in maybe.items() if same.get(path)},
        others=frozenset(others),
        undecided=frozenset(undecided.union(maybe[p] for p in undecided if p in maybe)),
    )


def _wishes(tools: PollTools, answer: Response) -> PollingHints:
    return PollingHints(fresh=freshness(answer.headers, now=tools.now))
