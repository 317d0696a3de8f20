"""Compare the files of a folder at the last poll with those of now.

A file is new if the tree of the last poll did not contain it. Commits are not used: there may be
more than GitHub lists, and a force push removes them.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core.errors import DocumentError
from core.feeds.folder import is_index, may_be_article, may_hold_articles
from core.feeds.github import BLOB_DIGITS, Change, Folder, Listing
from core.ids import guid_digest

FILES_KEPT = 200_000  # 4 MB in the store; split a larger folder into a source per sub-folder
RULES = 1  # version of the rules for what is an article; after a change, old files are not news


class Section(NamedTuple):
    """One folder: the id of its tree, and the blobs of files whose names may be articles."""

    tree: str
    files: dict[str, str]


@dataclass
class FolderTree:
    """The sections of a folder by path, and the guids of renamed articles.

    A section is present only if the sections of all its sub-folders are, so an unchanged tree need
    not be fetched again.
    """

    folder: Folder  # trees of different folders are not compared
    sections: dict[str, Section] = field(default_factory=dict)
    guids: dict[str, str] = field(default_factory=dict)

    def same(self, path: str, tree: str) -> dict[str, Section] | None:
        """The sections at and below `path` if its tree id is still `tree`; else None."""
        section = self.sections.get(path)
        if section is None or not tree or section.tree != tree:
            return None
        inside = path + "/" if path else ""
        return {
            name: each
            for name, each in self.sections.items()
            if name == path or name.startswith(inside)
        }

    def articles(self) -> dict[str, str]:
        """The path and blob of every article."""
        found: dict[str, str] = {}
        holding = {self.folder.path}  # folders that cannot be page bundles
        for path, section in self.sections.items():
            if section.files:
                holding.update(_folders_above(path))
        for path, section in self.sections.items():
            bundle = path not in holding and all(is_index(name) for name in section.files)
            for name, blob in section.files.items():
                if bundle or not is_index(name):
                    found[_join(path, name)] = blob
        return found

    def guid(self, path: str) -> str:
        """The guid of an article: its first path."""
        return self.guids.get(path, path)

    def to_bytes(self) -> bytes:
        """The stored form, before compression."""
        sections = [
            [path, section.tree, "/".join(section.files), "".join(section.files.values())]
            for path, section in self.sections.items()
        ]
        document = {
            "rules": RULES,
            "folder": self.folder,
            "sections": sections,
            "guids": self.guids,
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def folder_tree(stored: bytes) -> FolderTree:
    """Parse the output of `to_bytes`; without sections if its rules for articles differ."""
    document = json.loads(stored)
    sections = {
        path: Section(tree, dict(zip(_names(names), _blobs(blobs), strict=True)))
        for path, tree, names, blobs in document["sections"]
        if document["rules"] == RULES
    }
    return FolderTree(Folder(*document["folder"]), sections, document["guids"])


def sections_of(path: str, tree: str, listing: Listing) -> dict[str, Section]:
    """The sections of a tree listed at `path`, including those below it in a recursive listing."""
    sections = {path: Section(tree, {})}
    for name, inner in listing.folders.items():
        if "/" in name or may_hold_articles(name):
            sections[_join(path, name)] = Section(inner, {})
    for name, file in listing.files.items():
        folder, _, base = name.rpartition("/")
        if file.size == 0 or not may_be_article(base):
            continue
        section = sections.setdefault(_join(path, folder), Section("", {}))
        section.files[base] = file.blob
    return {where: each for where, each in sections.items() if _is_listed(path, where)}


def check_size(sections: Mapping[str, Section]) -> None:
    """Raise DocumentError if a folder has more files than can be stored."""
    if sum(len(section.files) for section in sections.values()) > FILES_KEPT:
        raise DocumentError(
            "the folder holds more than {count} markdown files: name its sub-folders",
            count=f"{FILES_KEPT:,}",
        )


class Difference(NamedTuple):
    """The changes of a folder's articles since the last poll."""

    added: list[str]  # new paths
    changed: list[str]  # paths with different content
    moved: dict[str, str]  # new path -> old path, of articles with the same content
    removed: list[str]  # paths that no longer exist, nor their content elsewhere


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> Difference:
    """Compare the articles of two trees (path -> blob).

    Content that left one path and appears at another was moved, even if the first path now has a
    new article: some mirrors renumber their files with each push.
    """
    arrived = [path for path, blob in now.items() if before.get(path) != blob]
    gone = {path: blob for path, blob in before.items() if now.get(path) != blob}
    moved = dict(_pairs_of_moved(arrived, now, gone))
    left = set(moved.values())
    is_new = [path not in moved and (path not in before or path in left) for path in arrived]
    return Difference(
        added=[path for path, new in zip(arrived, is_new, strict=True) if new],
        changed=[
            path for path, new in zip(arrived, is_new, strict=True) if not new and path not in moved
        ],
        moved=moved,
        removed=[path for path in gone if path not in now and path not in left],
    )


def accounted(
    now: FolderTree, before: FolderTree, put_off: Iterable[str], *, moved: Collection[str] = ()
) -> FolderTree:
    """The tree to store after a poll that postponed the paths `put_off`.

    These keep their earlier state and guids, and their folders count as not read. Old paths of
    `moved` articles are dropped.
    """
    sections, guids = dict(now.sections), dict(now.guids)
    for path in put_off:
        folder, _, name = path.rpartition("/")
        files = dict(sections[folder].files) if folder in sections else {}
        files.pop(name, None)
        old = before.sections.get(folder)
        if old is not None and name in old.files and path not in moved:
            files[name] = old.files[name]
            if path in before.guids:
                guids[path] = before.guids[path]
        sections[folder] = Section("", files)
        for above in _folders_above(folder):
            if above in sections:
                sections[above] = sections[above]._replace(tree="")
    return FolderTree(now.folder, sections, guids)


def guids_after(
    before: FolderTree,
    articles: Mapping[str, str],
    moved: Mapping[str, str],
    reused: Iterable[str] = (),
) -> dict[str, str]:
    """Path -> guid of the articles whose guid is not their path, after the renames `moved`.

    An article keeps its guid through renames. An article that takes over another's path (`reused`)
    gets a new guid, even if the other one had arrived there by a rename. The path may still be the
    guid of a third article, removed since.
    """
    left = set(moved.values())
    kept = articles.keys() - left
    guids = {path: guid for path, guid in before.guids.items() if path in kept}
    guids |= {path: before.guid(old) for path, old in moved.items()}
    taken = {guid: path for path, guid in guids.items()}
    others = {path for path in articles if path not in guids and taken.get(path, path) != path}
    others |= (articles.keys() & left) - moved.keys()
    guids |= {path: f"{path}#{articles[path]}" for path in others.union(reused)}
    return {path: guid for path, guid in guids.items() if guid != path}


def renames(changes: Iterable[Change], found: Difference) -> dict[str, str]:
    """New path -> old path of articles that git considers renamed although their content changed.

    `changes` are those of all commits, oldest first; a file may be renamed more than once.
    """
    origins: dict[str, str] = {}
    for change in changes:
        if change.before is not None:
            origins[change.path] = origins.pop(change.before, change.before)
    removed = set(found.removed)
    return {path: origins[path] for path in found.added if origins.get(path) in removed}


def known_by_guids(
    now: FolderTree, guids: Mapping[str, str], known: Collection[bytes]
) -> FolderTree:
    """The part of a folder whose guid digests are `known`; used if no tree is stored."""
    sections = {
        folder: Section(
            "",
            {
                name: blob
                for name, blob in section.files.items()
                if guid_digest(guids.get(path := _join(folder, name), path)) in known
            },
        )
        for folder, section in now.sections.items()
    }
    return FolderTree(now.folder, sections, dict(guids))


def _pairs_of_moved(
    arrived: Iterable[str], now: Mapping[str, str], gone: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Pairs of new and old path with the same content; files with the same name pair first.

    A folder may contain thousands of files with one content, such as an error page.
    """
    by_name: dict[tuple[str, str], deque[str]] = defaultdict(deque)
    by_blob: dict[str, deque[str]] = defaultdict(deque)
    for path, blob in gone.items():
        by_name[blob, _name(path)].append(path)
        by_blob[blob].append(path)
    paired: set[str] = set()
    for path in arrived:
        for candidates in (by_name.get((now[path], _name(path))), by_blob.get(now[path])):
            while candidates and candidates[0] in paired:
                candidates.popleft()
            if candidates:
                old = candidates.popleft()
                paired.add(old)
                yield path, old
                break


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _is_listed(root: str, path: str) -> bool:
    below = path[len(root) :].strip("/")
    return not below or all(may_hold_articles(step) for step in below.split("/"))


def _folders_above(path: str) -> Iterator[str]:
    """The parent folders of `path`; the root is the empty string."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def _names(joined: str) -> list[str]:
    return joined.split("/") if joined else []


def _blobs(joined: str) -> list[str]:
    return [joined[at : at + BLOB_DIGITS] for at in range(0, len(joined), BLOB_DIGITS)]
