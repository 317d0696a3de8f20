"""The origin of the upgrade test: sources of every kind, as they are in each phase.

It answers as an HTTP proxy, so that sources have names of their own and no port is part of what
the store remembers of them. The API of the mirror alone is requested directly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from opencc import OpenCC

from tests.origin import Answer, Request
from tests.upgrade import documents
from tests.upgrade.documents import Item, paragraphs
from tests.upgrade.mirror import FOLDER, Mirror
from tests.upgrade.stories import SEEDS, Story, Writer

NEWS_DATE = datetime(2025, 6, 20, 8, 30, tzinfo=UTC)  # of the entry that arrives at the end
POLLED_EVERY = 3.0  # seconds
_EDITED = 29  # every 29th entry
_PROMO = "<p>Subscribe to our newsletter for more stories like this.</p>"
_CORRECTION = "<p>Correction: an earlier version of this article named the wrong day.</p>"


class Phase(IntEnum):
    """What the sources show."""

    FIRST = 1  # nine entries of ten
    GROWN = 2  # all, some of the first edited; here the kept folder ends
    REBUILT = 3  # the same entries in documents with other bytes
    NEWS = 4  # one new entry, and one reprint of an old one


@dataclass(frozen=True)
class Kind:
    """A source: its name, its number of stories and how it shows them."""

    name: str
    count: int
    document: Callable[..., bytes] = documents.rss
    chinese: bool = False
    paragraphs: int = 4
    page: bool = False  # `kind: page`

    @property
    def site(self) -> str:
        """Where it is."""
        return f"http://{self.name}.example"


KINDS = (
    Kind("morning", 180),
    Kind("evening", 140, documents.atom),
    Kind("xhtml", 60, documents.atom_xhtml),
    Kind("excerpts", 70, documents.rss_excerpts),
    Kind("json", 100, documents.json_feed),
    Kind("listing", 40, documents.listing, page=True),
    Kind("plain", 110, documents.rss_description),
    Kind("chinese", 130, chinese=True),
    Kind("notes", 60, documents.rss_untitled, paragraphs=1),
    Kind("podcast", 40, documents.rss_audio, paragraphs=1),
)
_MIRRORED = 80
_REPRINTED = {"morning": 50, "evening": 40, "json": 20, "chinese": 40}
_LINKED = 20  # entries of `morning` that another source links to


class World:
    """All documents; set `phase` and they change."""

    def __init__(self, seed: int = 1, *, part: int = 1) -> None:
        """`part`: 5 for a fifth of the stories, for a small folder."""
        self.phase = Phase.FIRST
        self._part = part
        writer = Writer(seed)
        self._stories = {kind.name: _written(writer, kind, kind.count // part) for kind in KINDS}
        self._news = replace(writer.story(), published=NEWS_DATE)
        self._mirrored = [writer.story(chinese=n % 3 == 0) for n in range(_MIRRORED // part)]
        self._seeds = [_seed_item(number) for number in range(5)]
        self._to_traditional = OpenCC("s2t")

    @property
    def names(self) -> list[str]:
        """Of all sources."""
        return [*(kind.name for kind in KINDS), "seeds", "reprints", "links", "mirror"]

    @property
    def stories(self) -> int:
        """How many stories the feed holds in the phases before NEWS."""
        written = sum(len(stories) for stories in self._stories.values())
        return written + len(self._mirrored) + len(self._seeds)

    @property
    def news(self) -> Story:
        """The story that arrives at the end."""
        return self._news

    def settings(self, port: int) -> dict[str, Any]:
        """A feeds.yaml that reads every source; nothing of it expires for ten years."""
        proxy = f"http://127.0.0.1:{port}"
        sources: list[dict[str, Any]] = [
            {"name": name, "url": f"http://{name}.example/feed", "proxy": proxy}
            for name in self.names[:-1]
        ]
        for source, kind in zip(sources, KINDS, strict=False):
            if kind.page:
                source |= {"kind": "page", "links": "li.row a"}
        sources.append({"name": "mirror", "url": f"https://github.com/ann/news/tree/main/{FOLDER}"})
        return {
            "feed": {"title": "Upgrade", "limit": 10_000},
            "sources": [{**source, "every": f"{POLLED_EVERY}s"} for source in sources],
            "fetch": {
                "min_interval": "1s",
                "per_host": {"in_flight": 8, "per_second": 1000},
                "github": {"api": f"{proxy}/api", "raw": f"{proxy}/raw"},
                "allow_private": [f"127.0.0.1:{port}"],
            },
            "dedup": {"window": "3650d"},
            "retention": {"days": 3650},
        }

    def answer(self, request: Request) -> Answer:
        """The response of the origin."""
        parts = urlsplit(request.path)
        if parts.path.startswith("/api/repos/ann/news/"):
            return self._mirror().answer(parts.path.split("/", 5)[5], parts.query)
        if parts.path.startswith("/raw/ann/news/"):
            return self._mirror().raw(parts.path.removeprefix("/raw/ann/news/"))
        name = (parts.hostname or "").removesuffix(".example")
        if parts.path == "/feed":
            return self._document(name)
        return self._page(name, parts.path)

    def items(self, name: str) -> list[Item]:
        """What a source lists, newest first."""
        if name == "seeds":
            return self._seeds
        if name == "reprints":
            return self._reprints()
        if name == "links":
            return self.items("morning")[-(_LINKED // self._part) :]
        site, stories = f"http://{name}.example", list(self._stories[name])
        kept = len(stories) * 9 // 10
        if self.phase is Phase.FIRST:
            stories = stories[:kept]
        found = [_item(site, story) for story in stories]
        if self.phase > Phase.FIRST:
            found[:kept] = [_edited(each) if _is_edited(each) else each for each in found[:kept]]
        if self.phase is Phase.NEWS and name == "morning":
            found.append(_item(site, self._news))
        return found[::-1]

    def reprinted_last(self) -> Story:
        """The story whose first reprint arrives at the end."""
        return self._stories["xhtml"][10]

    def _document(self, name: str) -> Answer:
        items = self.items(name)
        render = next((kind.document for kind in KINDS if kind.name == name), documents.rss)
        if name == "links":
            render = documents.rss_excerpts
        body = render(items, note=f"phase {self.phase.value}")
        tagged = self.names.index(name) % 2 == 0  # half of them answer 304
        tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
        return Answer(body, headers={"ETag": tag} if tagged else {})

    def _page(self, name: str, path: str) -> Answer:
        if name not in self._stories:
            return Answer(status=404)
        found = next((item for item in self.items(name) if item.path == path), None)
        return Answer(status=404) if found is None else Answer(documents.page(found))

    def _reprints(self) -> list[Item]:
        """Edited copies in promo lines; those of Chinese articles in Traditional characters."""
        stories = [
            s
            for name, count in _REPRINTED.items()
            for s in self._stories[name][: count // self._part]
        ]
        if self.phase is Phase.NEWS:
            stories.append(self.reprinted_last())
        return [self._reprint(story) for story in reversed(stories)]

    def _reprint(self, story: Story) -> Item:
        texts = [*story.paragraphs[:-1], story.paragraphs[-1] + " More details are to come."]
        body = _PROMO + paragraphs(texts) + _PROMO
        item = Item("http://reprints.example", story, story.title, body)
        if not story.title.isascii():
            convert = self._to_traditional.convert
            item = replace(item, title=convert(item.title), body=convert(item.body))
        return item

    def _mirror(self) -> Mirror:
        mirror = Mirror()
        items = [_item("http://mirror.example", story) for story in self._mirrored]
        texts = {f"{FOLDER}/{item.story.number}.md": documents.markdown(item) for item in items}
        paths = list(texts)
        kept = len(paths) * 9 // 10
        first, later = paths[:kept], paths[kept:]
        mirror.commit("2025-05-01T00:00:00Z", {"README.md": "# News"})
        mirror.commit("2025-05-02T00:00:00Z", {path: texts[path] for path in first})
        if self.phase > Phase.FIRST:
            edited = {path: texts[path] + "\nCorrected since.\n" for path in first[:2]}
            mirror.commit(
                "2025-05-03T00:00:00Z",
                edited | {path: texts[path] for path in later},
                {first[3].replace(".md", "-renamed.md"): first[3]},
            )
        if self.phase > Phase.GROWN:  # nothing changed in the folder itself
            mirror.commit("2025-05-04T00:00:00Z", {"README.md": "# More news"})
        return mirror


def _written(writer: Writer, kind: Kind, count: int) -> list[Story]:
    if kind.name == "notes":
        return [writer.note() for _ in range(count)]
    return [writer.story(chinese=kind.chinese, paragraphs=kind.paragraphs) for _ in range(count)]


def _item(site: str, story: Story) -> Item:
    return Item(site, story, story.title, paragraphs(story.paragraphs))


def _is_edited(item: Item) -> bool:
    return item.story.number % _EDITED == 0


def _edited(item: Item) -> Item:
    updated = item.story.published + timedelta(hours=5)
    return replace(
        item, title=f"{item.title} (updated)", body=item.body + _CORRECTION, updated=updated
    )


def _seed_item(number: int) -> Item:
    """A seed article as it arrives: text with markdown or HTML, in `content:encoded`."""
    text = (SEEDS / f"{number:03}.txt").read_text(encoding="utf-8")
    expected = json.loads((SEEDS / f"{number:03}.expected.json").read_text(encoding="utf-8"))
    story = Story(9000 + number, expected["title"], (), datetime(2025, 5, 1 + number, tzinfo=UTC))
    return Item("http://seeds.example", story, story.title, text)


def requests_of(requests: Sequence[Request], name: str) -> int:
    """How often a source itself was requested, without its pages."""
    if name == "mirror":
        return sum("/api/repos/ann/news/commits?" in request.path for request in requests)
    return sum(request.path == f"http://{name}.example/feed" for request in requests)
