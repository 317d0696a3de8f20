from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.models import Decision
from store import keys
from store.connection import Store
from store.entries import entries_by_url
from store.sources import SourceState
from tests.github import GitHub, Repository, article
from tests.origin import Answer, Origin
from tests.stage import expected, seed_text
from tests.workers.desk import Desk, desk_for, settings_for
from workers.sandbox.pool import Sandbox

NAME = "ann/news"
RAISED = "GITHUB_TOKEN"


@pytest.fixture
def hub(origin: Origin) -> GitHub:
    """GitHub with one repository that is still empty."""
    return GitHub(origin)


@pytest.fixture
def repository(hub: GitHub) -> Repository:
    """That repository."""
    return hub.repositories[NAME]


@asynccontextmanager
async def desk_on(
    store: Store, sandbox: Sandbox, hub: GitHub, folder: str = "/tree/main/pages"
) -> AsyncIterator[Desk]:
    source = {"url": f"https://github.com/{NAME}{folder}", "kind": "github"}
    async with desk_for(store, sandbox, settings_for(source, **hub.fetch_settings())) as desk:
        yield desk


async def poll_and_read(desk: Desk) -> SourceState:
    state = await desk.poll()
    await desk.read_pages()
    return state


async def taken(desk: Desk) -> set[str]:
    """Guids of the entries that found a story or joined one."""
    return {entry.guid for entry in await desk.entries() if entry.story is not None}


def many(pattern: str, numbers: range) -> dict[str, str]:
    return {path: article(path, paragraphs=1) for n in numbers if (path := pattern.format(n))}


async def test_a_cut_tree_hides_no_article(store: Store, sandbox: Sandbox, origin: Origin) -> None:
    hub = GitHub(origin, cut=frozenset({NAME}))
    repository = hub.repositories[NAME]
    repository.commit(many("pages/n{}.md", range(1000000, 1001200)))
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        first = await taken(desk)
        repository.commit({"pages/n2000000.md": article("new")})
        await poll_and_read(desk)
        second = await taken(desk)

    assert first == {f"pages/n{n}.md" for n in range(1001100, 1001200)}
    assert second - first == {"pages/n2000000.md"}


async def test_articles_of_more_commits_than_are_read_all_arrive(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    old = many("pages/zhongguo/n{}.md", range(2000000, 2002100))
    repository.commit(old | many("pages/anhui/n{}.md", range(3000000, 3000001)))
    async with desk_on(store, sandbox, hub) as desk:
        await desk.poll()
        before = await entry_guids(desk)
        for number in range(3000001, 3000041):
            path = f"pages/anhui/n{number}.md"
            repository.commit({path: article(path)})
        await desk.poll()
        after = await entry_guids(desk)

    assert after - before == {f"pages/anhui/n{n}.md" for n in range(3000001, 3000041)}


async def entry_guids(desk: Desk) -> set[str]:
    return {entry.guid for entry in await desk.entries()}


@pytest.mark.parametrize("original", [True, False])
async def test_what_git_takes_for_a_rename_is_another_article(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository, *, original: bool
) -> None:
    frame = "\n".join(
        f"[Section {n}](https://github.com/some/list-{n}) | [Channel {n}](https://x.example/{n})"
        for n in range(40)
    )

    def framed(seed: str) -> str:
        return article(seed, frame=frame, original=original)

    repository.commit({f"pages/p/{n}.md": framed(f"{n}") for n in range(500000, 500101)})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = {story.id: story.article.title for story in await desk.stories()}
        repository.commit({"pages/p/600000.md": framed("A")}, remove=("pages/p/500000.md",))
        repository.commit({"pages/p/600001.md": framed("B")}, remove=("pages/p/500050.md",))
        renames = [c for c in repository.commits[-1].changes if c["status"] == "renamed"]
        await poll_and_read(desk)
        after = {story.id: story.article.title for story in await desk.stories()}

    assert renames
    assert {story: after[story] for story in before} == before
    assert len(after) == len(before) + 2


async def test_a_renamed_and_rewritten_article_is_an_update(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    text = article("a", original=False)
    repository.commit({"pages/a.md": text, "pages/other.md": article("other")})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = await desk.stories()
        text += "\n\nA correction was added later by the editors.\n"
        repository.commit({"pages/new/b.md": text}, remove=("pages/a.md",))
        await poll_and_read(desk)
        text += "\n\nAnd so was a second one.\n"
        repository.commit({"pages/new/b.md": text})
        await poll_and_read(desk)
        after = await desk.stories()

    assert {story.id for story in after} == {story.id for story in before}
    (shown,) = [s for s in after if (s.article.link or "").endswith("/pages/new/b.md")]
    assert "a second one" in shown.article.text
    assert len(shown.members) == 1


async def test_files_that_are_numbered_anew_stay_their_articles(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    one, two, three = (article(each) for each in "123")
    repository.commit({"pages/1.md": one, "pages/2.md": two})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = {story.id: story.article.title for story in await desk.stories()}
        repository.commit({"pages/1.md": three, "pages/2.md": one, "pages/3.md": two})
        await poll_and_read(desk)
        after = {story.id: story.article.title for story in await desk.stories()}

    assert {story: after[story] for story in before} == before
    assert len(after) == 3


async def test_a_path_that_was_the_first_of_a_removed_article_goes_to_others(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    removed, second, third = (article(each) for each in "123")
    repository.commit({"pages/x.md": removed, "pages/b.md": second})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = {story.id: story.article.title for story in await desk.stories()}
        repository.commit({"pages/moved.md": removed}, remove=("pages/x.md",))
        await poll_and_read(desk)
        repository.commit({"pages/x.md": second}, remove=("pages/moved.md", "pages/b.md"))
        await poll_and_read(desk)
        repository.commit({"pages/x.md": third, "pages/c.md": second})
        await poll_and_read(desk)
        after = {story.id: story.article.title for story in await desk.stories()}

    assert {story: after[story] for story in before} == before
    assert len(after) == 3


async def test_a_rename_to_the_path_of_an_article_that_moved_or_was_removed_takes_no_story(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    frame = "\n".join(f"[Section {n}](https://github.com/some/list-{n})" for n in range(40))
    old, moving, renamed, other = (article(each, frame=frame) for each in "1234")
    corrected = renamed + "\n\nA correction was added later by the editors.\n"
    names = ("old", "moving", "renamed", "dropped")
    texts = (old, moving, renamed, article("5", frame=frame))
    repository.commit({f"pages/{name}.md": t for name, t in zip(names, texts, strict=True)})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = {story.id: story.article.title for story in await desk.stories()}
        repository.commit(remove=("pages/old.md",))
        await poll_and_read(desk)
        repository.commit({"pages/moved.md": moving}, remove=("pages/moving.md",))
        repository.commit({"pages/moving.md": corrected}, remove=("pages/renamed.md",))
        repository.commit({"pages/old.md": other}, remove=("pages/dropped.md",))
        await poll_and_read(desk)
        after = {story.id: story.article.title for story in await desk.stories()}

    renames = [c for c in repository.commits[-1].changes if c["status"] == "renamed"]
    assert [change["filename"] for change in renames] == ["pages/old.md"]
    assert {story: after[story] for story in before} == before
    assert len(after) == 5


async def test_an_article_that_returns_is_no_news_and_another_in_its_place_is(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({f"pages/{name}.md": article(name) for name in "abc"})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = {story.id: story.article.title for story in await desk.stories()}
        repository.commit(remove=("pages/a.md", "pages/b.md"))
        await poll_and_read(desk)
        repository.commit({"pages/a.md": article("a"), "pages/b.md": article("another")})
        await poll_and_read(desk)
        after = {story.id: story.article.title for story in await desk.stories()}

    assert {story: after[story] for story in before} == before
    assert len(after) == 4


async def test_throttled_files_are_fetched_again(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({f"pages/{name}.md": article(name) for name in "abcd"})
    refusals = iter([Answer(status=429), Answer(status=403), Answer(status=502)])
    hub.fault = lambda path: next(refusals, None) if path.startswith("/raw") else None
    async with desk_on(store, sandbox, hub) as desk:
        await desk.poll()
        for _ in range(4):
            await wake_all(store)
            await desk.read_pages()
        entries = await desk.entries()

    assert {entry.decision for entry in entries} == {Decision.PUBLISHED}
    assert len(entries) == 4


async def wake_all(store: Store) -> None:
    """Let the time pass until everything that waits is due."""
    async for key in store.redis.scan_iter(keys.host("*", "paused")):
        await store.redis.delete(key)
    for name in await store.redis.zrange(keys.PENDING, 0, -1):
        await store.redis.zadd(keys.PENDING, {name: 0})


async def test_one_refusal_of_a_file_stops_all_that_wait(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({f"pages/{n}.md": article(str(n)) for n in range(20)})
    hub.fault = lambda path: Answer(status=429) if path.startswith("/raw") else None
    async with desk_on(store, sandbox, hub) as desk:
        await desk.poll()
        await desk.read_pages()
        entries = await desk.entries()

    assert len(hub.asked("/raw")) == 1
    assert {entry.decision for entry in entries} == {Decision.PENDING}


async def test_a_first_poll_takes_the_newest_of_every_section(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    daily = many("pages/daily/n{}.md", range(900000, 900020))
    repository.commit(
        daily
        | many("pages/weekly-old/n{}.md", range(1000, 1120))
        | {f"README-{n}.md": "# Contents\n\n- [one](a.md)\n- [two](b.md)\n" for n in range(2, 5)}
        | {"templates/header.md": "# Header\n\nWelcome to this mirror.\n"}
        | {"lists/河报.md": "---\nlayout: page\ntitle: 河报\n---\n", "pages/empty.md": ""}
    )
    async with desk_on(store, sandbox, hub, folder="") as desk:
        await poll_and_read(desk)
        found = await taken(desk)

    assert daily.keys() <= found
    assert found <= daily.keys() | {f"pages/weekly-old/n{n}.md" for n in range(1000, 1120)}
    assert len(found) >= 99


async def test_a_commit_that_cannot_be_read_costs_no_article(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({f"pages/{name}.md": article(name) for name in "ab"})
    hub.fault = lambda path: Answer(status=502) if "/commits/" in path else None
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        repository.commit({"pages/c.md": article("c")}, remove=("pages/a.md",))
        repository.commit({"pages/d.md": article("d")})
        state = await poll_and_read(desk)
        found = await taken(desk)

    assert any("/commits/" in path for path in hub.asked())
    assert state.last_error is None
    assert found == {f"pages/{name}.md" for name in "abcd"}


async def test_a_force_push_loses_no_article(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({f"pages/{name}.md": article(name) for name in "ab"})
    repository.commit({"pages/c.md": article("c")})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        repository.force_push(1)
        repository.commit({"pages/d.md": article("d")})
        await poll_and_read(desk)
        repository.force_push(1)
        repository.commit({"pages/c.md": article("c"), "pages/e.md": article("e")})
        await poll_and_read(desk)
        stories = await desk.stories()

    assert len(stories) == 5


async def test_an_unchanged_folder_costs_one_request_and_a_push_a_few(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({f"pages/{s}/{n}.md": article(f"{s}{n}") for s in "abcdef" for n in "12"})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        first = len(hub.asked())
        await desk.poll()
        unchanged = hub.asked()[first:]
        repository.commit({"pages/a/3.md": article("3")})
        await desk.poll()
        push = hub.asked()[first + 1 :]

    assert first == 4  # commits, the root, the folder, and its sub-folders in one
    assert len(unchanged) == 1
    assert len(push) == 4  # commits, the root, the folder, one sub-folder
    assert not any("recursive" in path for path in push)


async def test_more_sub_folders_than_the_allowance_are_read_over_several_polls(
    store: Store, sandbox: Sandbox, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RAISED, raising=False)
    hub = GitHub(origin, cut=frozenset({NAME}))
    repository = hub.repositories[NAME]
    repository.commit({f"pages/{n:03}/1.md": article(str(n)) for n in range(80)})
    async with desk_on(store, sandbox, hub) as desk:
        first = await desk.poll()
        so_far = len(hub.asked())
        second = await desk.poll()
        entries = await desk.entries()

    assert so_far == 50
    assert first.last_error is not None
    assert RAISED in first.last_error
    assert first.next_poll is not None
    assert first.next_poll > await store.now() + 3000
    assert second.last_error is None
    assert len(hub.asked()) <= 100
    assert len(entries) == 80


async def test_the_allowance_of_the_api_is_waited_for_by_all_sources(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv(RAISED, raising=False)
    repository.commit({f"pages/{s}/1.md": article(s) for s in "abc"})
    hub.repositories["bob/news"].commit({"x.md": article("x")})
    hub.allowance, hub.resets = 3, int(await store.now()) + 600
    sources = [{"url": f"https://github.com/{n}", "kind": "github"} for n in (NAME, "bob/news")]
    async with desk_for(store, sandbox, settings_for(*sources, **hub.fetch_settings())) as desk:
        one = await desk.poll()
        refused = len(hub.asked())
        other = await desk.poll("source1")
        entries = await desk.entries()

    assert entries == []
    assert refused == len(hub.asked()) == 4
    for state in (one, other):
        assert state.next_poll is not None
        assert hub.resets - 1 <= state.next_poll <= hub.resets + 61
        for part in ("60 requests an hour", RAISED, "UTC"):
            assert part in (state.last_error or "")


async def test_more_articles_than_a_poll_takes_follow_with_the_next(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("core.feeds.folder.TAKEN", 5)
    repository.commit({"pages/a.md": article("a")})
    async with desk_on(store, sandbox, hub) as desk:
        await desk.poll()
        repository.commit({f"pages/{n}.md": article(str(n)) for n in range(12)})
        found = []
        for _ in range(4):
            await desk.poll()
            found.append(len(await desk.entries()))
        requests = len(hub.asked())
        await desk.poll()

    assert found == [6, 11, 13, 13]
    assert len(hub.asked()) == requests + 1


async def test_a_folder_that_does_not_exist_is_an_error(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({"pages/a.md": article("a")})
    async with desk_on(store, sandbox, hub, folder="/tree/main/pagse") as desk:
        state = await desk.poll()

    assert "no commit of main touches pagse" in (state.last_error or "")


async def test_the_seeds_arrive_clean_from_a_folder(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    names = ("000", "001", "003")
    repository.commit({f"pages/{name}.md": seed_text(name) for name in names})
    async with desk_on(store, sandbox, hub) as desk:
        state = await poll_and_read(desk)
        published = await desk.published()

    assert (state.kind, state.awaited) == ("github", 3)
    found = {record.title: record.article for record in published}
    for wanted in map(expected, names):
        article = found[wanted["title"]]
        assert article is not None
        assert article.original_url == wanted["original_url"]


async def test_a_rewritten_and_a_moved_article_are_updates(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({"pages/a.md": seed_text("001")})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = await desk.stories()
        repository.commit({"pages/b.md": seed_text("001")}, remove=("pages/a.md",))
        await poll_and_read(desk)
        moved = await desk.stories()
        text = seed_text("001").replace("普京", "弗拉基米尔·普京")
        repository.commit({"pages/b.md": text})
        await poll_and_read(desk)
        rewritten = await desk.stories()

    assert len(before) == 1
    ids = [story.id for story in before]
    assert [story.id for story in moved] == [story.id for story in rewritten] == ids
    assert (moved[0].article.link or "").endswith("/pages/b.md")
    assert "弗拉基米尔·普京" in rewritten[0].article.text
    assert len(rewritten[0].members) == 1


async def test_a_body_that_is_nowhere_to_be_had_is_not_published(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    repository.commit({"pages/a.md": article("a")})
    hub.fault = lambda path: Answer(status=404) if path.startswith("/raw") else None
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        entries = await desk.entries()

    assert [(entry.decision, entry.rule) for entry in entries] == [("filtered", "unreachable")]


@pytest.mark.parametrize("force_push", [False, True])
async def test_a_folder_whose_tree_was_not_remembered_publishes_only_what_is_new(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository, *, force_push: bool
) -> None:
    files = {f"pages/{n}.md": article(str(n)) for n in range(30)}
    first = repository.commit(files)
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        before = {story.id: story.updated for story in await desk.stories()}
        await store.redis.hdel(keys.source("source"), "tree")  # as versions before left it
        await desk.poll()
        if force_push:
            repository.force_push(1)
            repository.forget(first)
            repository.commit(files)
        repository.commit({"pages/new.md": article("new")}, remove=("pages/3.md",))
        await poll_and_read(desk)
        after = {story.id: story.updated for story in await desk.stories()}

    assert {story: after[story] for story in before} == before
    assert len(after) == 31


async def test_the_date_that_a_file_states_is_its_own_and_a_correction_does_not_change_it(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    dated = "---\ntitle: Dated\ndate: 2025-10-08T08:00:00Z\n---\n\n" + article("dated")
    repository.commit({"pages/old.md": article("old")})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        came = repository.commit({"pages/dated.md": dated, "pages/undated.md": article("x")}).date
        await poll_and_read(desk)
        before = await dates(desk)
        repository.commit(
            {path: text + "\n\nAn afterthought.\n" for path, text in repository.files.items()}
        )
        await poll_and_read(desk)
        after = await dates(desk)

    assert before["pages/dated.md"] == "2025-10-08T08:00:00+00:00"
    assert before["pages/undated.md"] == came.isoformat()
    assert before["pages/old.md"] is None
    assert after == before


async def dates(desk: Desk) -> dict[str, str | None]:
    return {e.guid: e.article.published for e in await desk.entries() if e.article is not None}


async def test_files_of_site_generators_are_read_as_their_authors_meant_them(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    def text(seed: str) -> str:
        return article(seed, original=False).partition("\n\n")[2]

    day = "2026-03-01T00:00:00+00:00"
    toml, hugo = (
        f'+++\ntitle = "B"\ndate = {day}\n+++\n',
        f'{{\n "title": "C", "date": "{day}"\n}}\n',
    )
    files = {
        "bundle/index.md": f"---\ntitle: A\ndate: {day}\n---\n" + text("1"),
        "toml.markdown": toml + text("2"),
        "json.md": hugo + text("3"),
        "hexo.md": f"title: D\ndate: {day}\ntags: x\n---\n\n" + text("4"),
        "mdx.mdx": f'---\ntitle: E\ndate: {day}\n---\nimport X from "x"\n\n<X a={{1}}/>\n'
        + text("5"),
        "draft.md": "---\ntitle: F\ndraft: true\n---\n" + text("6"),
        "unpublished.md": "---\ntitle: G\npublished: false\n---\n" + text("7"),
        "_index.md": "---\ntitle: H\n---\nA list",
        "empty.md": "",
    }
    repository.commit({f"pages/{name}": content for name, content in files.items()})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        entries = await desk.entries()

    published = {e.guid: e.article for e in entries if e.story is not None and e.article}
    assert {a.title for a in published.values()} == set("ABCDE")
    assert {a.published for a in published.values()} == {day}
    assert "import" not in published["pages/mdx.mdx"].text
    assert {e.rule for e in entries if e.story is None} == {"draft"}


@pytest.mark.parametrize("name", ["a,b's [1].md", "中文 文章.md"])
async def test_an_address_from_the_browser_is_found(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository, name: str
) -> None:
    repository.commit({f"pages/{name}": article("a", original=False)})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)

    address = f"https://github.com/{NAME}/blob/main/pages/{name.replace(' ', '%20')}"
    assert [entry.guid for entry in await entries_by_url(store, address)] == [f"pages/{name}"]


async def test_web_pages_of_a_folder_are_articles(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    page = "<html><title>{0}</title><body><nav><a href='/'>Home</a></nav>{1}</body></html>"
    text = "<article><h1>{0}</h1><p>" + "The weir held the flood of {0}. " * 30 + "</p></article>"
    for name in ("May", "June"):
        repository.commit({f"pages/{name}.html": page.format(name, text.format(name))})
    repository.commit({"pages/index.html": "<ul><li><a href='May.html'>May</a></ul>"})
    async with desk_on(store, sandbox, hub) as desk:
        await poll_and_read(desk)
        articles = [story.article for story in await desk.stories()]

    assert {article.title for article in articles} == {"May", "June"}
    assert not any("Home" in article.text for article in articles)


async def test_a_readme_of_days_is_read_as_it_grows(
    store: Store, sandbox: Sandbox, hub: GitHub, repository: Repository
) -> None:
    days = [f"## 2026-03-0{n}\n\n{article(str(n))}\n\n" for n in (1, 2, 3)]
    repository.commit({"pages/README.md": "# Log\n\n" + days[1] + days[0]})
    async with desk_on(store, sandbox, hub) as desk:
        await desk.poll()
        before = {entry.title for entry in await desk.entries()}
        repository.commit({"pages/README.md": "# Log\n\n" + "".join(reversed(days))})
        await desk.poll()
        entries = await desk.entries()

    assert before == {"2026-03-01", "2026-03-02"}
    assert {entry.title for entry in entries} == before | {"2026-03-03"}
    assert all(entry.revised is None for entry in entries)
