"""Imitates GitHub: repositories with commits, trees, force pushes, and what its API says of them.

As GitHub does, it lists 30 commits unless told otherwise, takes similar files for renamed ones,
cuts recursive trees, counts requests against an allowance and throttles raw files.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.origin import Answer, Origin, Request

START = datetime(2026, 1, 1, tzinfo=UTC)
SIMILAR = 0.5  # of the lines of two files, from which git takes one for the other
Files = dict[str, str]


@lru_cache(maxsize=100_000)
def blob(text: str) -> str:
    """The id of a file's content."""
    return hashlib.sha1(b"blob" + text.encode()).hexdigest()  # noqa: S324


@dataclass
class Commit:
    """One commit: the files after it, and what it did to each."""

    sha: str
    date: datetime
    files: Files
    changes: list[dict[str, str]]


@dataclass
class Repository:
    """The history of one branch, oldest commit first."""

    commits: list[Commit] = field(default_factory=list)
    every: dict[str, Commit] = field(default_factory=dict)  # those too that a force push took away
    made: int = 0

    @property
    def files(self) -> Files:
        """Those of the newest commit."""
        return self.commits[-1].files if self.commits else {}

    def commit(self, put: Mapping[str, str] | None = None, remove: tuple[str, ...] = ()) -> Commit:
        """Write and remove files in one commit."""
        before = self.files
        after = {path: text for path, text in before.items() if path not in remove} | (put or {})
        self.made += 1
        made = self.made
        sha = hashlib.sha1(f"commit {made}".encode()).hexdigest()  # noqa: S324
        commit = Commit(sha, START + timedelta(minutes=made), after, _changes(before, after))
        self.commits.append(commit)
        self.every[sha] = commit
        return commit

    def force_push(self, back: int) -> None:
        """Take the newest commits away; they can still be read by their id, as on GitHub."""
        del self.commits[len(self.commits) - back :]

    def pack(self, keep: int) -> None:
        """Drop the files of all but the newest commits: a long history would fill the memory."""
        kept = self.commits[-keep:]
        self.every = {commit.sha: commit for commit in kept}
        self.commits = [replace(c, files={}) for c in self.commits[:-keep]][-100:] + kept

    def forget(self, commit: Commit) -> None:
        """Nothing of a commit can be read any more."""
        del self.every[commit.sha]


def _changes(before: Files, after: Files) -> list[dict[str, str]]:
    """Added, modified, renamed and removed files, as git tells them apart."""
    gone = [path for path in before if path not in after]
    found = []
    for path, text in after.items():
        if path in before:
            if before[path] != text:
                found.append({"filename": path, "status": "modified"})
            continue
        old = max(gone, key=lambda each: _similarity(before[each], text), default=None)
        if old is not None and _similarity(before[old], text) >= SIMILAR:
            gone.remove(old)
            found.append({"filename": path, "status": "renamed", "previous_filename": old})
        else:
            found.append({"filename": path, "status": "added"})
    return found + [{"filename": path, "status": "removed"} for path in gone]


@lru_cache(maxsize=10_000)
def _similarity(one: str, other: str) -> float:
    first, second = set(one.split("\n")), set(other.split("\n"))
    return len(first & second) / max(len(first), len(second))


class GitHub:
    """The API at `/api` and the raw files at `/raw` of an origin."""

    def __init__(self, origin: Origin, *, cut: frozenset[str] = frozenset()) -> None:
        self.repositories: dict[str, Repository] = defaultdict(Repository)
        self.allowance: int | None = None  # requests to the API from now on; None: any number
        self.resets = 0  # seconds since 1970
        self.fault: Callable[[str], Answer | None] = lambda path: None  # instead of an answer
        self._cut = cut  # repositories whose recursive trees GitHub lists in part
        self._trees: dict[str, dict[str, tuple[str, str]]] = {}  # id -> name -> kind, id
        self._sizes: dict[str, int] = {}
        self._roots: dict[str, str] = {}  # commit -> tree
        self._origin = origin
        origin.otherwise(self._answer)

    def fetch_settings(self) -> dict[str, Any]:
        """What `fetch` in feeds.yaml says to come here."""
        return {
            "github": {"api": self._origin.url("/api"), "raw": self._origin.url("/raw")},
            "allow_private": [self._origin.allowance],
        }

    def asked(self, part: str = "/api") -> list[str]:
        """The paths of all requests so far that contain `part`."""
        return [request.path for request in self._origin.requests if part in request.path]

    def _answer(self, request: Request) -> Answer:
        fault = self.fault(request.path)
        if fault is not None:
            return fault
        parts = urlsplit(request.path)
        steps = [unquote(step) for step in parts.path.strip("/").split("/")]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if steps[0] == "raw":
            return self._raw("/".join(steps[1:3]), steps[3], "/".join(steps[4:]))
        if self.allowance == 0:
            return Answer('{"message": "API rate limit exceeded"}', 403, self._limits())
        if self.allowance is not None:
            self.allowance -= 1
        name, rest = "/".join(steps[2:4]), steps[4:]
        document = self._document(name, rest, query)
        if document is None:
            return Answer('{"message": "Not Found"}', 404, self._limits())
        body = json.dumps(document, ensure_ascii=False)
        tag = f'W/"{hashlib.sha256(body.encode()).hexdigest()}"'
        return Answer(body, headers={"ETag": tag, **self._limits()})

    def _limits(self) -> dict[str, str]:
        left = 60 if self.allowance is None else self.allowance
        return {
            "X-RateLimit-Limit": "60",
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(self.resets),
        }

    def _document(self, name: str, rest: list[str], query: dict[str, str]) -> Any:
        repository = self.repositories[name]
        if rest == ["commits"]:
            path, most = query.get("path", ""), int(query.get("per_page", 30))
            touching = (c for c in reversed(repository.commits) if _touches(c, path))
            listed = list(islice(touching, most))
            # Of the others no tree is read, and writing one takes as long as the folder is large.
            return [self._listed(c, c.sha if n else self._root(c)) for n, c in enumerate(listed)]
        if rest[0] == "commits":
            commit = repository.every.get(rest[1])
            if commit is None:
                return None
            return {**self._listed(commit, self._root(commit)), "files": commit.changes}
        if rest[:2] == ["git", "trees"]:
            commit = repository.every.get(rest[2])
            tree = rest[2] if commit is None else self._root(commit)
            if tree not in self._trees:
                return None
            recursive = "recursive" in query
            items = self._items(tree, recursive=recursive)
            cut = recursive and name in self._cut
            return {
                "sha": tree,
                "tree": items[: len(items) // 2 if cut else None],
                "truncated": cut,
            }
        return None

    def _listed(self, commit: Commit, tree: str) -> dict[str, Any]:
        who = {"name": "ann", "date": commit.date.isoformat().replace("+00:00", "Z")}
        inner = {"author": who, "committer": who, "tree": {"sha": tree}}
        return {"sha": commit.sha, "commit": inner}

    def _root(self, commit: Commit) -> str:
        if commit.sha not in self._roots:
            self._roots[commit.sha] = self._write_tree(commit.files)
        return self._roots[commit.sha]

    def _write_tree(self, files: Files) -> str:
        names: dict[str, tuple[str, str]] = {}
        inner: dict[str, Files] = defaultdict(dict)
        for path, text in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                inner[first][rest] = text
            else:
                names[first] = ("blob", sha := blob(text))
                self._sizes[sha] = len(text.encode())
        names |= {name: ("tree", self._write_tree(below)) for name, below in inner.items()}
        tree = hashlib.sha1(repr(sorted(names.items())).encode()).hexdigest()  # noqa: S324
        self._trees[tree] = dict(sorted(names.items()))
        return tree

    def _items(self, tree: str, *, recursive: bool, inside: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for name, (kind, sha) in self._trees[tree].items():
            item = {"path": inside + name, "type": kind, "sha": sha, "mode": "100644"}
            found.append(item | ({"size": self._sizes[sha]} if kind == "blob" else {}))
            if recursive and kind == "tree":
                found += self._items(sha, recursive=True, inside=f"{inside}{name}/")
        return found

    def _raw(self, name: str, reference: str, path: str) -> Answer:
        repository = self.repositories[name]
        commit = repository.every.get(reference)
        text = (commit.files if commit else repository.files).get(path)
        return Answer(status=404) if text is None else Answer(text)


def _touches(commit: Commit, path: str) -> bool:
    inside = path + "/" if path else ""
    return any(
        change.get(name, "").startswith(inside)
        for change in commit.changes
        for name in ("filename", "previous_filename")
    )


_SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi zo mar ken tol bri sha dun".split()


def article(seed: str, *, paragraphs: int = 3, frame: str = "", original: bool = True) -> str:
    """A text that no other seed gives, in the form of a mirror's file."""
    chance = random.Random(seed)

    def word() -> str:
        return "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(1, 4)))

    def sentence() -> str:
        words = [word() for _ in range(12)]
        return f"{words[0].title()} {' '.join(words[1:])} {chance.randint(1, 999)}."

    title = " ".join(word().title() for _ in range(4))
    body = "\n\n".join(" ".join(sentence() for _ in range(6)) for _ in range(paragraphs))
    address = f"\n\noriginal: https://paper.example/2026/{blob(seed)[:8]}.html" if original else ""
    return f"### {title} {chance.randint(1, 10**6)}\n\n{frame}\n\n{body}{address}\n"
