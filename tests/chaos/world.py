"""A small world with exact books: who published which story, who reprinted it, who is unwell.

Everything follows from a seed. Each story has a number and a text of its own; a fifth of them are
reprinted by another source, edited and wrapped in promo lines.
"""

from __future__ import annotations

import html
import random
from dataclasses import dataclass, field
from hashlib import blake2b

from tests.origin import Answer, Request

WINDOW = 300  # entries that a rolling feed lists
REPOSTED = 0.2
STUBS = 0.1  # entries whose article stands only on their page
_PROMO = (
    "<p>Subscribe to our newsletter for more stories like this.</p>",
    "<p>关注我们的频道，天天有好文</p>",
    '<p><a href="https://share.example/?u=1">Share on social media</a></p>',
)
_RSS = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
    "<title>{name}</title><link>{link}</link><description>{name}</description>{items}"
    "</channel></rss>"
)
_PAGE = (
    "<!doctype html><html><head><meta charset='utf-8'><title>{title}</title></head><body>"
    "<header><a href='/'>Home</a></header><main><article><h1>{title}</h1>{body}</article></main>"
    "<footer>All rights reserved</footer></body></html>"
)
_SYLLABLES = (
    "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dro fli gre".split()
)


@dataclass
class Story:
    """What happened, as its first publisher tells it."""

    number: int
    title: str
    paragraphs: list[str]

    @property
    def body(self) -> str:
        """As HTML."""
        return "".join(f"<p>{html.escape(p, quote=False)}</p>" for p in self.paragraphs)


@dataclass
class Item:
    """One entry in one feed."""

    source: str
    story: Story
    body: str
    title: str
    stub: bool = False

    @property
    def path(self) -> str:
        """Of its page; it also tells the books which entry this is."""
        return f"/{self.source}/{self.story.number}"


@dataclass
class Feed:
    """One source and its manners."""

    name: str
    kind: str  # rolling, growing, still or flapping
    items: list[Item] = field(default_factory=list)

    @property
    def listed(self) -> list[Item]:
        """What the document names, newest first."""
        kept = self.items if self.kind != "rolling" else self.items[-WINDOW:]
        return kept[::-1]


class World:
    """All sources; `tick` lets time pass."""

    def __init__(self, seed: int, *, feeds: int, reposted: float = REPOSTED) -> None:
        self._chance = random.Random(seed)
        kinds = ("growing", "still", "rolling", "flapping")
        self.feeds = {f"s{n}": Feed(f"s{n}", kinds[n % len(kinds)]) for n in range(feeds)}
        self.address = ""
        self.calm = False
        self.stories = 0
        self._reposted = reposted
        self._words = [self._word() for _ in range(4000)]
        self._waiting: list[tuple[Story, str]] = []  # reposts to come

    @property
    def owed(self) -> dict[str, int]:
        """Path of each entry that was published -> the number of its story."""
        return {item.path: item.story.number for feed in self.feeds.values() for item in feed.items}

    def fill_still(self, each: int, *, only: bool = False) -> None:
        """Give the feeds that never grow all they will ever have; `only`: no feed ever grows."""
        for feed in self.feeds.values():
            feed.kind = "still" if only else feed.kind
            if feed.kind == "still":
                for _ in range(each):
                    self._publish(feed)

    def fill_reprinted(self, stories: int, *, copies: int) -> None:
        """Publish it all at once, each story in one feed and reprinted in so many others."""
        feeds = list(self.feeds.values())
        for feed in feeds:
            feed.kind = "growing"
        for number in range(stories):
            chosen = self._chance.sample(feeds, copies + 1)
            story = self._story()
            assert story.number == number
            chosen[0].items.append(Item(chosen[0].name, story, story.body, story.title))
            for feed in chosen[1:]:
                self._reprint(story, feed.name)

    def tick(self, count: int) -> None:
        """Publish `count` stories, the reposts of earlier ones, and now and then an edit."""
        moving = [feed for feed in self.feeds.values() if feed.kind != "still"]
        for story, source in self._waiting:
            self._reprint(story, source)
        self._waiting.clear()
        for _ in range(count if moving else 0):
            self._publish(self._chance.choice(moving))
        if moving and self._chance.random() < 0.2:
            self._edit(self._chance.choice(moving))

    def finish(self) -> None:
        """All that is to come comes now, and everybody is well."""
        self.tick(0)
        self.calm = True

    def answer(self, request: Request) -> Answer:
        """What the origin says."""
        path = request.path.partition("?")[0]
        name, _, page = path.strip("/").partition("/")
        feed = self.feeds.get(name.removesuffix(".xml"))
        if feed is None:
            return Answer(status=404)
        if page:
            return self._page(feed, path)
        document = self._document(feed)
        return self._unwell(document) if feed.kind == "flapping" else document

    def _unwell(self, document: Answer) -> Answer:
        dice = 1.0 if self.calm else self._chance.random()
        if dice < 0.25:
            return Answer(status=500, body="oops")
        if dice < 0.35:
            return Answer(body=document.body, delay=20.0)
        if dice < 0.45:
            return Answer(body=document.body, headers=document.headers, cut=len(document.body) // 2)
        if dice < 0.55:
            return Answer(reset=True)
        return document

    def _document(self, feed: Feed) -> Answer:
        items = "".join(self._rss_item(item) for item in feed.listed)
        body = _RSS.format(name=feed.name, link=self.address, items=items).encode()
        tag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
        return Answer(body, headers={"ETag": tag, "Content-Type": "application/rss+xml"})

    def _rss_item(self, item: Item) -> str:
        shown = item.story.paragraphs[0][:60] if item.stub else item.body
        return (
            f"<item><title>{html.escape(item.title, quote=False)}</title>"
            f"<link>{self.address}{item.path}</link>"
            f"<guid isPermaLink='false'>{item.source}-{item.story.number}</guid>"
            f"<content:encoded>{html.escape(shown, quote=False)}</content:encoded></item>"
        )

    def _page(self, feed: Feed, path: str) -> Answer:
        item = next((item for item in feed.items if item.path == path), None)
        if item is None:
            return Answer(status=404)
        page = _PAGE.format(title=html.escape(item.title, quote=False), body=item.body)
        return Answer(page, headers={"Content-Type": "text/html; charset=utf-8"})

    def _publish(self, feed: Feed) -> None:
        story = self._story()
        stub = self._chance.random() < STUBS
        feed.items.append(Item(feed.name, story, story.body, story.title, stub))
        moving = [f.name for f in self.feeds.values() if f.kind != "still" and f is not feed]
        if moving and self._chance.random() < self._reposted:
            self._waiting.append((story, self._chance.choice(moving)))

    def _reprint(self, story: Story, source: str) -> None:
        paragraphs = [f"<p>{html.escape(p, quote=False)}</p>" for p in story.paragraphs]
        paragraphs[1] = paragraphs[1].replace("</p>", " More details are to come.</p>")
        paragraphs.insert(2, self._chance.choice(_PROMO))
        paragraphs.append(self._chance.choice(_PROMO))
        self.feeds[source].items.append(Item(source, story, "".join(paragraphs), story.title))

    def _edit(self, feed: Feed) -> None:
        if feed.items:
            item = self._chance.choice(feed.items[-20:])
            item.body += "<p>Correction: an earlier version named the wrong day.</p>"

    def _story(self) -> Story:
        number, self.stories = self.stories, self.stories + 1
        sentence = self._sentence if number % 3 else self._chinese
        title = sentence().rstrip(".。")[:60]
        paragraphs = [" ".join(sentence() for _ in range(3)) for _ in range(5)]
        return Story(number, title, paragraphs)

    def _word(self) -> str:
        return "".join(self._chance.choices(_SYLLABLES, k=self._chance.randint(2, 4)))

    def _sentence(self) -> str:
        words = self._chance.choices(self._words, k=self._chance.randint(8, 14))
        return " ".join(words).capitalize() + "."

    def _chinese(self) -> str:
        letters = [chr(self._chance.randint(0x4E00, 0x5FFF)) for _ in range(22)]
        return "".join(letters[:11]) + "，" + "".join(letters[11:]) + "。"
