"""A repository with a folder of articles, by the endpoints of GitHub's REST API.

Commits, trees and blobs are named by what they hold, as git names them: a folder that a commit
leaves alone keeps its tree's name.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from tests.origin import Answer

FOLDER = "pages"


@dataclass(frozen=True)
class Commit:
    """One commit: what the API returns for it, and all files after it."""

    document: dict[str, Any]
    files: dict[str, str]  # path -> text

    @property
    def sha(self) -> str:
        """Its name."""
        return str(self.document["sha"])


class Mirror:
    """`ann/news`; `commit` adds to it, `answer` is the API."""

    def __init__(self) -> None:
        self._commits: list[Commit] = []  # newest first
        self._trees: dict[str, list[dict[str, str]]] = {}

    def commit(
        self, date: str, changed: dict[str, str], renames: dict[str, str] | None = None
    ) -> None:
        """Put a commit on top: `changed` path -> text, `renames` new path -> old one."""
        renames = renames or {}
        files = dict(self._commits[0].files) if self._commits else {}
        rows = [
            {"filename": path, "status": "modified" if path in files else "added"}
            for path in changed
        ]
        files |= changed
        for new, old in renames.items():
            files[new] = files.pop(old)
            rows.append({"filename": new, "status": "renamed", "previous_filename": old})
        for row in rows:
            row["sha"] = _sha(files[row["filename"]])
        tree = self._keep_trees(files)
        parent = self._commits[0].sha if self._commits else ""
        document = {
            "sha": _sha(parent + tree + date),
            "parents": [{"sha": parent}] if parent else [],
            "commit": {
                "committer": {"date": date},
                "author": {"date": date},
                "tree": {"sha": tree},
            },
            "files": rows,
        }
        self._commits.insert(0, Commit(document, files))

    def answer(self, path: str, query: str) -> Answer:
        """What the API returns for /repos/ann/news/`path`."""
        asked = parse_qs(query)
        if path == "commits":
            return self._listed(int(asked.get("page", ["1"])[0]))
        kind, _, rest = path.partition("/")
        if kind == "commits":
            found = [each for each in self._commits if each.sha == rest]
            return _json(found[0].document) if found else Answer(status=404)
        if path.startswith("git/trees/"):
            return self._tree(path.removeprefix("git/trees/"), whole="recursive" in asked)
        if kind == "contents":
            return self._contents(rest, asked["ref"][0])
        return Answer(status=404)

    def raw(self, path: str) -> Answer:
        """A file as raw.githubusercontent.com gives it: `path` begins with a commit or branch."""
        ref, _, name = path.partition("/")
        found = [each for each in self._commits if ref in (each.sha, "main")]
        text = found[0].files.get(name) if found else None
        return Answer(status=404) if text is None else Answer(text)

    def _listed(self, page: int) -> Answer:
        rows = [
            {key: value for key, value in each.document.items() if key != "files"}
            for each in self._commits
        ]
        tag = f'W/"{self._commits[0].sha}"'
        return _json(rows if page == 1 else [], ETag=tag)

    def _tree(self, name: str, *, whole: bool) -> Answer:
        found = [each for each in self._commits if each.sha == name]
        sha = found[0].document["commit"]["tree"]["sha"] if found else name
        rows = self._trees.get(sha)
        if rows is None:
            return Answer(status=404)
        if whole:
            rows = [part for row in rows for part in self._with_children(row)]
        return _json({"sha": sha, "tree": rows, "truncated": False})

    def _with_children(self, row: dict[str, str]) -> list[dict[str, str]]:
        inner = self._trees[row["sha"]] if row["type"] == "tree" else []
        return [row, *({**each, "path": f"{row['path']}/{each['path']}"} for each in inner)]

    def _contents(self, folder: str, ref: str) -> Answer:
        files = next(each for each in self._commits if each.sha == ref).files
        return _json(
            [
                {"path": path, "name": path.rpartition("/")[2], "type": "file", "sha": _sha(text)}
                for path, text in files.items()
                if path.startswith(folder + "/")
            ]
        )

    def _keep_trees(self, files: dict[str, str]) -> str:
        inside = {p: t for p, t in files.items() if p.startswith(FOLDER + "/")}
        inner = [_row(path.removeprefix(FOLDER + "/"), text) for path, text in inside.items()]
        folder = {
            "path": FOLDER,
            "type": "tree",
            "mode": "040000",
            "sha": _keep(self._trees, inner),
        }
        outer = [_row(path, text) for path, text in files.items() if path not in inside]
        return _keep(self._trees, [*outer, folder])


def _row(path: str, text: str) -> dict[str, str]:
    return {"path": path, "type": "blob", "mode": "100644", "sha": _sha(text)}


def _keep(trees: dict[str, list[dict[str, str]]], rows: list[dict[str, str]]) -> str:
    rows = sorted(rows, key=lambda row: row["path"])
    sha = _sha(json.dumps(rows))
    trees[sha] = rows
    return sha


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _json(document: object, **headers: str) -> Answer:
    return Answer(json.dumps(document), headers={"Content-Type": "application/json", **headers})
