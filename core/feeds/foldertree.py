"""Compare the files of a folder at the last poll with those of now.

A file is new if the tree of the last poll did not contain it. Commits are not used: there may be
more than GitHub lists, and a force push removes them.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core.feeds.folder import Section, join_path
from core.feeds.github import BLOB_DIGITS, Change, Folder
from core.feeds.paths import is_index, is_page, is_plain_text, is_readme
from core.ids import guid_digest

WORTH, FORMS = 10, 3  # named: texts that are a tenth of the articles; of a site's pages fewer are
RULES = 2  # version of the rules for what is an article; after a change, old files are not news


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
        """The path and blob of every article.

        Articles are markdown, else READMEs of folders, else plain texts, else web pages.
        """
        markdown, readmes, texts, pages = (dict[str, str]() for _ in range(4))
        holding = {self.folder.path}  # folders that cannot be page bundles
        for path, section in self.sections.items():
            if not all(map(is_readme, section.files)):
                holding.update(_folders_above(path))
        for path, section in self.sections.items():
            names = [name for name in section.files if not is_readme(name)]
            bundle = path not in holding and all(is_index(name) for name in names)
            for name, blob in section.files.items():
                found = texts if is_plain_text(name) else pages if is_page(name) else markdown
                if is_readme(name):
                    found = readmes if bundle and not names else {}
                elif is_index(name) and not bundle:
                    continue
                found[join_path(path, name)] = blob
        return markdown or readmes or texts or pages

    def readme(self) -> str | None:
        """The path of the README at the top of the folder, if it has one."""
        top = self.sections.get(self.folder.path)
        names = sorted(filter(is_readme, top.files if top else ()), key=len)
        return join_path(self.folder.path, names[0]) if names else None

    def unread(self) -> str:
        """The files that look like articles and are none, such as “12 .rst, 1 README.md”."""
        articles, counts = self.articles(), Counter[str]()
        for path, section in self.sections.items():
            counts.update({f".{form}": count for form, count in section.unread.items()})
            left = (name for name in section.files if join_path(path, name) not in articles)
            forms = (_form(name) for name in left)
            counts.update(form for form in forms if form.startswith(".") or not articles)
        worth = [(n, form) for form, n in counts.items() if WORTH * n >= len(articles)]
        return ", ".join(f"{n} {form}" for n, form in sorted(worth, reverse=True)[:FORMS])

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
            "unread": {path: each.unread for path, each in self.sections.items() if each.unread},
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def folder_tree(stored: bytes) -> FolderTree:
    """Parse the output of `to_bytes`; without sections if its rules for articles differ."""
    document = json.loads(stored)
    sections = {
        path: Section(
            tree,
            dict(zip(_names(names), _blobs(blobs), strict=True)),
            document.get("unread", {}).get(path, {}),
        )
        for path, tree, names, blobs in document["sections"]
        if document["rules"] == RULES
    }
    return FolderTree(Folder(*document["folder"]), sections, document["guids"])


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
                if guid_digest(guids.get(path := join_path(folder, name), path)) in known
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


def _form(name: str) -> str:
    return ".txt" if is_plain_text(name) else ".html" if is_page(name) else name


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _folders_above(path: str) -> Iterator[str]:
    """The parent folders of `path`; the root is the empty string."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _names(joined: str) -> list[str]:
    return joined.split("/") if joined else []


def _blobs(joined: str) -> list[str]:
    return [joined[at : at + BLOB_DIGITS] for at in range(0, len(joined), BLOB_DIGITS)]
