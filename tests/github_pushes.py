"""A folder on GitHub through many pushes in disorder, and what became of each of its articles.

`python -m tests.github_pushes --files 4000 --pushes 200` is the large form; a small one is among
the tests. Between two polls stand up to sixty commits that add, rewrite, delete, rename and number
files anew; some are taken back by a force push, and GitHub fails or throttles now and then.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import structlog

from core.models import Story
from store import keys
from store.connection import Store
from store.embedded import server_command, socket_url
from tests.conftest import await_store
from tests.github import GitHub, Repository, article
from tests.origin import Answer, Origin
from tests.workers.desk import Desk, desk_for, settings_for
from workers.sandbox.pool import Sandbox

NAME = "ann/news"
SECTIONS = ("daily", "weekly/old", "zh/政治", "zh/文化", "opinion", "2026/01", "2026/02", "science")
MARK = re.compile(r"Mark (\d+) ")
FORGOTTEN = 5  # commits before a push that a force push can still take away
POLLS = 40  # that a push may take where GitHub fails


@dataclass
class Account:
    """What was pushed, and what was published of it."""

    chance: random.Random
    articles: int = 0  # made so far
    old: set[str] = field(default_factory=set)  # marks of the first commit
    expected: set[str] = field(default_factory=set)  # marks that stood in the folder at a poll
    first_mark: dict[str, str] = field(default_factory=dict)  # story -> mark of its article
    wrongly_updated: set[str] = field(default_factory=set)  # stories
    requests: Counter[str] = field(default_factory=Counter)  # to the API, by occasion
    occasions: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """A new article with a mark by which it is known through all its versions."""
        self.articles += 1
        mark = self.articles
        text = article(f"article {mark}", original=self.chance.random() < 0.5)
        return text.replace("### ", f"### Mark {mark} ", 1)

    def look(self, stories: list[Story]) -> Counter[str]:
        """The marks of all stories; notes a story that shows another article than at first."""
        shown: Counter[str] = Counter()
        for story in stories:
            mark = mark_of(story.article.title or "")
            shown[mark] += 1
            if self.first_mark.setdefault(story.id, mark) != mark:
                self.wrongly_updated.add(story.id)
        return shown


def mark_of(text: str) -> str:
    """The mark in a text or a title."""
    found = MARK.search(text)
    return found[1] if found else "none"


def path_in(account: Account) -> str:
    """A path for a new article: named by number, day or word."""
    section, number = account.chance.choice(SECTIONS), account.articles
    names = (
        f"n{3000000 + number}.md",
        f"2026-03-{number % 28 + 1:02}-{number}.md",
        f"文{number}.md",
    )
    return f"pages/{section}/{account.chance.choice(names)}"


def commit_something(repository: Repository, account: Account) -> None:
    """One commit of a random kind."""
    chance, files = account.chance, repository.files
    some = chance.sample(sorted(files), min(3, len(files)))
    what = chance.choice(
        ("add", "add", "add", "rewrite", "delete", "roll", "rename", "rename and rewrite", "shift")
    )
    put: dict[str, str] = {}
    remove: tuple[str, ...] = ()
    if what == "add":
        put = {path_in(account): account.text() for _ in range(chance.randint(1, 4))}
    elif what == "rewrite":
        put = {path: rewritten(files[path], account) for path in some}
    elif what == "delete":
        remove = tuple(some)
    elif what == "roll":  # the oldest goes where a new one comes
        put, remove = {path_in(account): account.text()}, (some[0],)
    elif what == "rename":
        put, remove = {f"pages/opinion/moved-{chance.random()}.md": files[some[0]]}, (some[0],)
    elif what == "rename and rewrite":
        text = rewritten(files[some[0]], account)
        put, remove = {f"pages/science/{chance.random()}.md": text}, (some[0],)
    else:  # files change places; of those that were never taken in nothing can be told
        some = [path for path in some if mark_of(files[path]) not in account.old]
        if len(some) < 2:
            return
        put = {new: files[old] for new, old in pairwise(some)}
        put[some[-1]] = account.text()
    repository.commit(put, remove)


def rewritten(text: str, account: Account) -> str:
    """The same article with a sentence more."""
    return text.rstrip() + f"\n\nA correction number {account.chance.randint(1, 10**9)} was made.\n"


class Faults:
    """GitHub in a bad hour: one answer of ten fails."""

    def __init__(self, chance: random.Random) -> None:
        self.are_on = False
        self._chance = chance

    def __call__(self, path: str) -> Answer | None:
        if not self.are_on or self._chance.random() > 0.1:
            return None
        return self._chance.choice(
            (
                Answer(status=429),
                Answer(status=502),
                Answer(status=500),
                Answer(status=403, headers={"Retry-After": "5"}),
                Answer("{}", reset=True),
            )
        )


async def poll_until_done(desk: Desk, hub: GitHub, account: Account, occasion: str) -> None:
    """Poll as the schedule would, until a poll succeeds, and read all bodies."""
    before = len(hub.asked())
    for _ in range(POLLS):
        await pass_time(desk.context.store)
        state = await desk.poll()
        if state.failures == 0 and state.body_hash:
            break
    account.requests[occasion] += len(hub.asked()) - before
    account.occasions[occasion] += 1
    for _ in range(POLLS):
        await pass_time(desk.context.store)
        await desk.read_pages()
        if not await desk.context.store.redis.zcard(keys.PENDING):
            return
    raise AssertionError("bodies that were never read")


async def pass_time(store: Store) -> None:
    """Whatever waits is due."""
    async for key in store.redis.scan_iter(keys.host("*", "*")):
        await store.redis.delete(key)
    for name in await store.redis.zrange(keys.PENDING, 0, -1):
        await store.redis.zadd(keys.PENDING, {name: 0})


async def run(
    store: Store, sandbox: Sandbox, origin: Origin, *, files: int, pushes: int, seed: int
) -> tuple[Account, dict[str, int]]:
    """All pushes; the account, and in figures what went wrong."""
    chance = random.Random(seed)
    account, hub = Account(chance), GitHub(origin, cut=frozenset({NAME} if seed % 2 else ()))
    repository, faults = hub.repositories[NAME], Faults(chance)
    hub.fault = faults
    first = {path_in(account): account.text() for _ in range(files)}
    account.old = {mark_of(text) for text in first.values()}
    repository.commit(first)
    source = {"url": f"https://github.com/{NAME}/tree/main/pages", "kind": "github"}
    async with desk_for(store, sandbox, settings_for(source, **hub.fetch_settings())) as desk:
        await poll_until_done(desk, hub, account, "first poll")
        for _ in range(pushes):
            await push(desk, repository, hub, account, faults)
        stories = await desk.stories()
    shown = account.look(stories)
    return account, {
        "added": len(account.expected),
        "published": sum(1 for mark in account.expected if shown[mark]),
        "lost": sum(1 for mark in account.expected if not shown[mark]),
        "doubled": sum(1 for count in shown.values() if count > 1),
        "wrongly updated": len(account.wrongly_updated),
    }


async def push(
    desk: Desk, repository: Repository, hub: GitHub, account: Account, faults: Faults
) -> None:
    """One push, the poll that finds it, and one that finds nothing."""
    commits = account.chance.randint(1, 60)
    for _ in range(commits):
        commit_something(repository, account)
    if account.chance.random() < 0.2:
        back = account.chance.randint(1, commits + FORGOTTEN - 1)  # also what was polled already
        repository.force_push(min(back, sum(1 for c in repository.commits if c.files) - 1))
        commit_something(repository, account)
    account.expected |= {mark_of(text) for text in repository.files.values()} - account.old
    faults.are_on = account.chance.random() < 0.5
    await poll_until_done(desk, hub, account, "push, failing" if faults.are_on else "push")
    faults.are_on = False
    await poll_until_done(desk, hub, account, "unchanged")
    account.look(await desk.stories())
    repository.pack(keep=FORGOTTEN)


async def _measure(url: str, *, files: int, pushes: int, seed: int) -> None:
    store, sandbox, started = Store.open(url), Sandbox(children=2), time.monotonic()
    await sandbox.start()
    async with Origin() as origin:
        account, figures = await run(store, sandbox, origin, files=files, pushes=pushes, seed=seed)
    tree = await store.redis.hstrlen(keys.source("source"), "tree")
    state = await store.redis.hstrlen(keys.source("source"), "state")
    await sandbox.close()
    await store.close()
    print(f"{files} files, {pushes} pushes, seed {seed}: {time.monotonic() - started:.0f} s")
    print(", ".join(f"{what} {count}" for what, count in figures.items()))
    for occasion, times in account.occasions.items():
        print(f"requests to the API, {occasion}: {account.requests[occasion] / times:.1f}")
    print(f"remembered: {tree} bytes of the tree, {state} of the state")


def main() -> None:
    """Run the large form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--pushes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as data:
        command = server_command(Path(data), persistent=False)
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = socket_url(Path(data))
            await_store(url)
            asyncio.run(_measure(url, **vars(options)))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
