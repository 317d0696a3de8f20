"""The files of a folder at the last poll and now, and their difference.

New is what the tree of the last poll did not hold, whatever the commits are: there may be more of
them than GitHub lists, and a force push removes them.
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

FILES_KEPT = 200_000  # 4 MB to be remembered; a larger folder needs one source for each sub-folder
RULES = 1  # of what is an article; grows with them, so that a new rule makes no old file news


class Section(NamedTuple):
    """One folder: the id of its tree, and the blobs of the files that may be articles by name."""

    tree: str
    files: dict[str, str]


@dataclass
class FolderTree:
    """The sections of a folder by their path, and the guids of articles that were renamed.

    The section of a folder is there only if those of all folders in it are, so that an unchanged
    tree need not be read again.
    """

    folder: Folder  # another one is not compared with it
    sections: dict[str, Section] = field(default_factory=dict)
    guids: dict[str, str] = field(default_factory=dict)

    def same(self, path: str, tree: str) -> dict[str, Section] | None:
        """The sections at and below `path` if its tree is still this one."""
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
        """Path and blob of every article."""
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
        """The form in which it is remembered, still to be compressed."""
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
    """What `to_bytes` wrote; without sections where other rules decided what an article is."""
    document = json.loads(stored)
    sections = {
        path: Section(tree, dict(zip(_names(names), _blobs(blobs), strict=True)))
        for path, tree, names, blobs in document["sections"]
        if document["rules"] == RULES
    }
    return FolderTree(Folder(*document["folder"]), sections, document["guids"])


def sections_of(path: str, tree: str, listing: Listing) -> dict[str, Section]:
    """The sections of one tree that was listed at `path`: its own, and those below it if it was
    listed recursively.
    """
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
    """Raise DocumentError where a folder holds more files than can be remembered."""
    if sum(len(section.files) for section in sections.values()) > FILES_KEPT:
        raise DocumentError(
            "the folder holds more than {count} markdown files: name its sub-folders",
            count=f"{FILES_KEPT:,}",
        )


class Difference(NamedTuple):
    """What has become of the articles of a folder since the last poll."""

    added: list[str]  # paths that it did not hold
    changed: list[str]  # paths that hold another content
    moved: dict[str, str]  # new path -> old one, of articles with the same content
    removed: list[str]  # paths that are gone, and their content with them


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> Difference:
    """Compare the articles of two trees, path -> blob.

    A content that left one path and is now at another has moved, also where the first path
    holds a new article now: some mirrors renumber their files with each push.
    """
    arrived = [path for path, blob in now.items() if before.get(path) != blob]
    gone = {path: blob for path, blob in before.items() if now.get(path) != blob}
    moved = dict(_moved(arrived, now, gone))
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
    """What is to be remembered after a poll that `put_off` paths until the next one.

    Those are remembered as they were before, with their guids, and their folders as not read. Of
    the old paths of articles that `moved` nothing is.
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
    """Path -> guid of the articles whose guid is not their path, after some were `moved`.

    An article keeps its guid through renames. One that takes over the path of another, as those
    at the `reused` paths do, gets another guid; also where the other had come there by a rename,
    as the path may be the guid of a third article that was removed since.
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
    """New path -> old path of articles that git takes for renamed ones, though they changed too.

    `changes` are those of all commits, the oldest first; a file may be renamed more than once.
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
    """The part of a folder whose guids, as digests, are `known`: where no tree is remembered."""
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


def _moved(
    arrived: Iterable[str], now: Mapping[str, str], gone: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Pairs of new and old path under one content, those with the same file name first.

    A folder may hold thousands of files with one content, such as an error page.
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
    """The folders that hold the folder `path`; the uppermost is the empty one."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def _names(joined: str) -> list[str]:
    return joined.split("/") if joined else []


def _blobs(joined: str) -> list[str]:
    return [joined[at : at + BLOB_DIGITS] for at in range(0, len(joined), BLOB_DIGITS)]
