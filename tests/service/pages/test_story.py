"""What explains a merge costs a bounded amount, and nothing to those who do not ask for it."""

from __future__ import annotations

import asyncio
import random
import threading
from typing import cast

import pytest
from aiohttp import web

from core.dedup.copy import ArticleCopy
from core.models import Article, FeedEntry
from service.documents import Background
from service.pages import story
from service.pages.story import WAITING, Comparisons, NotCompared
from tests.service.conftest import LIVE, Served, keep, longest_turn, make_story, record_of

CHANCE = random.Random(5)
OLD, NEW = (ArticleCopy(make_story(number).article, "first") for number in (1, 2))


class Reader:
    """A request, as far as comparisons look at it."""

    def __init__(self, transport: object | None) -> None:
        self.transport = transport


def reader(*, left: bool = False) -> web.Request:
    return cast(web.Request, Reader(None if left else object()))


async def test_readers_of_one_comparison_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(story, "difference", lambda old, new: made.append(old) or [])
    background = Background()
    comparisons = Comparisons(background)

    key = ("story", 1, "member")
    await asyncio.gather(*(comparisons.compare(reader(), key, OLD, NEW) for _ in range(9)))

    assert made == [OLD.article.text]
    background.close()


async def test_more_than_a_few_are_refused_and_the_next_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = threading.Event()
    monkeypatch.setattr(story, "difference", lambda old, new: held.wait(10) and [])
    background = Background()
    comparisons = Comparisons(background)

    tasks = [
        asyncio.create_task(comparisons.compare(reader(), ("story", number, "m"), OLD, NEW))
        for number in range(WAITING + 1)
    ]
    with pytest.raises(NotCompared, match="too many"):
        await tasks.pop()
    held.set()
    assert [stretches for stretches, _ in await asyncio.gather(*tasks)] == [[]] * WAITING
    again, _ = await comparisons.compare(reader(), ("story", 0, "m"), OLD, NEW)
    assert again == []
    background.close()


async def test_nothing_is_compared_for_readers_who_left() -> None:
    background = Background()
    comparisons = Comparisons(background)

    with pytest.raises(NotCompared, match="left"):
        await comparisons.compare(reader(left=True), ("story", 1, "m"), OLD, NEW)
    background.close()


async def test_the_largest_bodies_keep_neither_health_nor_feeds_waiting(served: Served) -> None:
    """Eight comparisons of 30,000 paragraphs of one letter held the service for minutes."""
    texts = ["\n\n".join(CHANCE.choices("ab", k=30_000)) for _ in range(9)]
    story = make_story(1, sources=tuple(f"s{number}" for number in range(9)))
    article = story.article.model_copy(update={"text": texts[0]})
    await served.publish(story.model_copy(update={"article": article}))
    for place, text in enumerate(texts):
        record = record_of(story, place, raw=FeedEntry(guid="1", position=0), article=article)
        own = Article(html="", text=text)
        await keep(served.store, record.model_copy(update={"article": own}))

    path, html = f"/stories/{story.id}", {"Accept": "text/html"}
    asked = [
        served.client.get(path, params={"compare": member.id}, headers=html)
        for member in story.members[1:]
    ]

    assert await longest_turn(asked) < LIVE
    assert (await served.client.get("/feed.xml?limit=7")).status == 200
