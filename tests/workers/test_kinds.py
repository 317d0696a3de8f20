from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from store.connection import Store
from tests.origin import Answer, Origin, Request
from tests.score import f1, forbidden
from tests.stage import expected
from tests.workers.desk import Desk, desk_for, settings_for
from workers.sandbox.pool import Sandbox

SEEDS = Path(__file__).parents[1] / "examples" / "seeds"


class Repository:
    """The endpoints of GitHub's API that a folder needs, and its raw files."""

    def __init__(self, origin: Origin, *, offers_trees: bool = True) -> None:
        self.files: dict[str, str] = {}
        self.commits: list[dict[str, Any]] = []
        self._origin = origin
        self._offers_trees = offers_trees
        origin.otherwise(self._answer)

    def commit(self, *files: dict[str, str]) -> None:
        """Put a commit on top; each file as the API names it, with its `text`."""
        sha = f"{len(self.commits) + 1:040x}"
        for file in files:
            self.files.pop(file.get("previous_filename", ""), None)
            self.files[file["filename"]] = file.pop("text")
        date = {"date": f"2026-01-{len(self.commits) + 1:02d}T00:00:00Z"}
        self.commits.insert(0, {"sha": sha, "commit": {"committer": date}, "files": list(files)})

    def _answer(self, request: Request) -> Answer:
        path, _, query = request.path.partition("?")
        head = self.commits[0]["sha"]
        if path == "/api/repos/ann/news/commits":
            assert "path=pages" in query
            tag = hashlib.sha256(head.encode()).hexdigest()
            return self._json(self.commits, ETag=f'W/"{tag}"')
        if path.startswith("/api/repos/ann/news/commits/"):
            return self._json(next(c for c in self.commits if path.endswith(c["sha"])))
        if path.startswith("/api/repos/ann/news/git/trees/") and self._offers_trees:
            return self._json({"tree": self._blobs("blob"), "truncated": False})
        if path == "/api/repos/ann/news/contents/pages":
            return self._json(self._blobs("file"))
        text = self.files.get(path.removeprefix(f"/raw/ann/news/{head}/"))
        return Answer(status=404) if text is None else Answer(text)

    def _blobs(self, kind: str) -> list[dict[str, str]]:
        return [
            {"path": path, "type": kind, "sha": hashlib.sha1(text.encode()).hexdigest()}  # noqa: S324
            for path, text in self.files.items()
        ]

    def _json(self, document: object, **headers: str) -> Answer:
        return Answer(json.dumps(document), headers=headers)


def seed(name: str) -> str:
    return (SEEDS / f"{name}.txt").read_text(encoding="utf-8")


def folder_settings(origin: Origin) -> Any:
    return settings_for(
        {"url": "https://github.com/ann/news/tree/main/pages"},
        github={"api": origin.url("/api"), "raw": origin.url("/raw")},
        allow_private=[origin.allowance],
    )


async def test_a_folder_of_markdown_is_taken_in_once_and_then_costs_one_request(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    repository = Repository(origin)
    names = ("000", "001", "003")
    repository.commit(
        {"filename": "README.md", "status": "added", "text": "# Mirror"},
        *({"filename": f"pages/{n}.md", "status": "added", "text": seed(n)} for n in names),
    )
    async with desk_for(store, sandbox, folder_settings(origin)) as desk:
        state = await desk.poll()
        await desk.read_pages()
        before = len(origin.requests)
        await desk.poll()
        published = await desk.published()

    assert state.kind == "github"
    assert len(origin.requests) == before + 1
    assert origin.requests[-1].headers["if-none-match"].startswith('W/"')
    expected = [json.loads((SEEDS / f"{n}.expected.json").read_text()) for n in names]
    found = {record.title: record for record in published}
    assert set(found) == {each["title"] for each in expected}
    for each in expected:
        article = found[each["title"]].article
        assert article is not None
        assert article.original_url == each["original_url"]


async def test_a_rewritten_and_a_renamed_article_are_updates(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    repository = Repository(origin)
    repository.commit({"filename": "pages/a.md", "status": "added", "text": seed("001")})
    async with desk_for(store, sandbox, folder_settings(origin)) as desk:
        await poll_and_read(desk)
        before = await desk.stories()

        repository.commit(
            {"filename": "pages/b.md", "previous_filename": "pages/a.md", "status": "renamed",
             "text": seed("001")}
        )  # fmt: skip
        await poll_and_read(desk)
        renamed = await desk.stories()

        repository.commit(
            {"filename": "pages/b.md", "status": "modified",
             "text": seed("001").replace("普京", "弗拉基米尔·普京")}
        )  # fmt: skip
        await poll_and_read(desk)
        rewritten = await desk.stories()

    assert len(before) == 1
    ids = [story.id for story in before]
    assert [story.id for story in renamed] == [story.id for story in rewritten] == ids
    assert (renamed[0].article.link or "").endswith("/pages/b.md")
    assert "弗拉基米尔·普京" in rewritten[0].article.text
    assert len(rewritten[0].members) == 1


async def poll_and_read(desk: Desk) -> None:
    await desk.poll()
    await desk.read_pages()


async def test_a_folder_is_read_without_its_tree_too(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    repository = Repository(origin, offers_trees=False)
    repository.commit({"filename": "pages/a.md", "status": "added", "text": seed("003")})
    async with desk_for(store, sandbox, folder_settings(origin)) as desk:
        await poll_and_read(desk)

        assert len(await desk.published()) == 1


async def test_a_body_that_is_nowhere_to_be_had_is_not_published(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    repository = Repository(origin)
    repository.commit({"filename": "pages/a.md", "status": "added", "text": seed("003")})
    async with desk_for(store, sandbox, folder_settings(origin)) as desk:
        await desk.poll()
        repository.files["pages/b.md"] = repository.files.pop("pages/a.md")
        await desk.read_pages()
        entries = await desk.entries()

    assert [(entry.decision, entry.rule) for entry in entries] == [("filtered", "unreachable")]


async def test_the_allowance_of_the_api_is_waited_for(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    async with desk_for(store, sandbox, folder_settings(origin)) as desk:
        reset = int(await store.now()) + 600
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        origin.otherwise(lambda _: Answer(status=403, headers=headers))
        state = await desk.poll()

    assert state.next_poll is not None
    assert reset - 1 <= state.next_poll <= reset + 61


ARTICLE = "<p>" + "</p><p>".join(
    f"Sentence {n} of the story about the river. " * 6 for n in range(8)
)


async def test_a_listing_page_gives_each_article_once_and_then_costs_one_request(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    items = "".join(
        f"<li><a href='/a/{n}'>How the story number {n} of the river went on</a> 2026-01-0{n}</li>"
        for n in range(1, 5)
    )
    url = origin.at("/list", Answer(f"<body><ul>{items}</ul>", headers={"ETag": '"1"'}))
    for n in range(1, 5):
        text = ARTICLE.replace("river", ("river", "mountain", "harbour", "desert")[n - 1] * n)
        origin.at(f"/a/{n}", Answer(f"<html><body><article><h1>Story {n}</h1>{text}</article>"))
    settings = settings_for({"url": url, "kind": "page"}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        await desk.read_pages()
        before = len(origin.requests)
        await desk.poll()
        entries = await desk.entries()

    assert len(entries) == 4
    assert len(origin.requests) == before + 1
    assert all(entry.article and entry.article.method == "page" for entry in entries)
    assert [entry.url for entry in entries] == [origin.url(f"/a/{n}") for n in range(1, 5)]


async def test_a_page_that_names_its_feed_is_asked_once(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="{}">'
    page = "<html><head>" + link.format("/gone.xml") + link.format("/feed.xml")
    url = origin.at("/", Answer(page))
    item = "<item><title>x</title></item>"
    feed = f"<rss version='2.0'><channel><title>Found</title>{item}</channel></rss>"
    origin.at("/feed.xml", Answer(feed, headers={"ETag": '"1"'}))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        first = await desk.poll()
        await desk.poll()

    assert (first.url, first.title, first.kind) == (origin.url("/feed.xml"), "Found", "feed")
    assert len(origin.asked("/")) == len(origin.asked("/gone.xml")) == 1
    assert origin.asked("/feed.xml")[1].headers["if-none-match"] == '"1"'


async def test_a_page_that_becomes_a_feed_is_read_as_one(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    items = "".join(
        f"<li><a href='/a/{n}'>How the story number {n} of the river went on</a></li>"
        for n in range(1, 10)
    )
    feed = "<rss version='2.0'><channel><title>Feed</title></channel></rss>"
    url = origin.at("/", Answer(f"<html><title>Page</title><ul>{items}</ul>"), Answer(feed))
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        page = await desk.poll()
        feed_now = await desk.poll()

    assert (page.kind, page.title) == ("page", "Page")
    assert (feed_now.kind, feed_now.title, feed_now.failures) == ("feed", "Feed", 0)


async def test_an_error_page_in_place_of_a_feed_is_a_fault(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    url = origin.at(
        "/feed", Answer("<html><title>Oops</title><body><a href='/'>Home, sweet home</a>")
    )
    settings = settings_for({"url": url}, allow_private=[origin.allowance])
    async with desk_for(store, sandbox, settings) as desk:
        state = await desk.poll()

    assert state.failures == 1
    assert state.last_error is not None
    assert "a web page, not a feed" in state.last_error


async def test_a_listing_of_a_reprint_arrives_once_and_clean(
    store: Store, sandbox: Sandbox, origin: Origin
) -> None:
    wanted = expected("004")
    raw = seed("004")
    body = raw[raw.index("\\u003c") : raw.rindex("\\u003e") + 6]
    markup = body.replace("\\u003c", "<").replace("\\u003e", ">").replace('\\"', '"')
    title = wanted["title"]
    url = origin.at("/list", Answer(f"<ul><li><a href='/a/1'>{title}</a></li></ul>"))
    page = f"<html><body><nav><a href='/'>首页</a></nav><h1>{title}</h1>{markup}</body></html>"
    origin.at("/a/1", Answer(page))
    settings = settings_for(
        {"url": url, "kind": "page", "links": "li a"}, allow_private=[origin.allowance]
    )
    async with desk_for(store, sandbox, settings) as desk:
        await desk.poll()
        await desk.read_pages()
        asked = len(origin.requests)
        await desk.poll()
        (story,) = await desk.stories()

    assert len(origin.requests) == asked + 1
    assert story.article.title == title
    assert f1(story.article.text, wanted) >= 0.99
    assert forbidden(story.article.text, story.article.html, wanted) == []
