"""How clean bodies are: seeds, development items, learned boilerplate, pages, cost."""

from __future__ import annotations

import gzip
import html
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from lxml import html as lxml_html
from trafilatura import extract as plain_trafilatura

from benchmarks import Row, corpus
from core.body.boilerplate import Boilerplate
from core.body.clean import clean_entry
from core.feeds.parse import parse_feed
from core.models import Article, FeedEntry
from core.page.extract import extract_page
from core.text import letters_only
from tests.score import f1, forbidden

SUBJECT = "clean"
_ELEMENTS = {
    "heading": "//h1|//h2|//h3|//h4|//h5|//h6",
    "li": "//li",
    "blockquote": "//blockquote",
    "pre": "//pre",
    "table": "//table",
}
_BROKEN = re.compile(r"[\u3400-\u9fff][ \t]+[\u3400-\u9fff]")
_LEARN_FROM = 20  # items before scoring starts
_PAGES = Path(__file__).parents[1] / "tests" / "examples" / "pages"


def run(smoke: bool) -> Iterator[Row]:
    """The tables of the cleaning goals."""
    yield from _items("seeds", sorted(corpus("seeds").glob("*.txt")), goal=">= .99 each")
    items = corpus("items")
    files = sorted([*items.glob("*.txt"), *items.glob("*.xml")])
    yield from _items("items", files, goal=">= .985 mean")
    yield from _learned(smoke)
    yield from _cost(smoke)


def _items(name: str, files: list[Path], *, goal: str) -> Iterator[Row]:
    scores, left, missing, broken, wrong = [], 0, 0, 0, []
    for path in files:
        article, wanted = _article(path), _wanted(path)
        scores.append(f1(article.text, wanted))
        left += len(forbidden(article.text, article.html, wanted))
        missing += _missing_structure(article, wanted)
        broken += _broken(article.text, wanted)
        wrong += [f"{path.stem}.{field}" for field in _wrong_fields(article, wanted)]
    yield Row(SUBJECT, f"{name}: 4-gram F1, least", min(scores), goal)
    yield Row(SUBJECT, f"{name}: 4-gram F1, mean", sum(scores) / len(scores), goal)
    yield Row(SUBJECT, f"{name}: forbidden strings left", left, "0")
    yield Row(SUBJECT, f"{name}: blocks that lost their element", missing, "0")
    yield Row(SUBJECT, f"{name}: sentences broken", broken, "0")
    yield Row(SUBJECT, f"{name}: fields not as stated", len(wrong), "0", note=" ".join(wrong))


def _article(path: Path) -> Article:
    if path.suffix == ".xml":
        parsed = parse_feed(path.read_bytes(), url="https://feed.example/", content_type=None)
        return clean_entry(parsed.entries[0]).article
    return clean_entry(FeedEntry(guid="", position=0, content=path.read_text())).article


def _wanted(path: Path) -> dict[str, Any]:
    wanted: dict[str, Any] = json.loads(path.with_suffix(".expected.json").read_text())
    return wanted


def _missing_structure(article: Article, wanted: dict[str, Any]) -> int:
    root = lxml_html.fromstring(f"<div>{article.html}</div>")
    count = 0
    for block in wanted["blocks"]:
        if block["type"] in _ELEMENTS:
            found = cast("list[Any]", root.xpath(_ELEMENTS[block["type"]]))
            texts = [letters_only(element.text_content()) for element in found]
            count += not any(letters_only(block["text"]) in text for text in texts)
    return count


def _broken(text: str, wanted: dict[str, Any]) -> int:
    """Spaces between Chinese characters that the expected text does not have."""
    known = " ".join([*(block["text"] for block in wanted["blocks"]), *wanted["optional"]])
    return sum(1 for match in _BROKEN.finditer(text) if match[0] not in known)


def _wrong_fields(article: Article, wanted: dict[str, Any]) -> list[str]:
    wrong = [
        field
        for field in ("title", "author", "original_url")
        if getattr(article, field) != wanted[field]
    ]
    if (article.published or "")[:9] != wanted["published"][:9]:
        wrong.append("published")
    allowed = {wanted["lead_image"], *wanted["images"][:1]}
    if article.lead_image not in allowed:
        wrong.append("lead_image")
    if article.needs_page != wanted.get("needs_page", False):
        wrong.append("needs_page")
    return wrong


def _learned(smoke: bool) -> Iterator[Row]:
    items = _lines(corpus("boilerplate", "items.jsonl.gz"))
    truth = _lines(corpus("boilerplate", "truth.jsonl.gz"))
    sources: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for item, blocks in zip(items, truth, strict=True):
        sources[item["source"]].append((item["raw"], blocks))
    for name, pairs in sources.items():
        removed, lost, clean = _score_source(pairs[: 30 if smoke else None])
        yield Row(SUBJECT, f"{name}: junk removed from item 21 on", removed, ">= .97")
        yield Row(SUBJECT, f"{name}: real text lost", lost, "<= .0005")
        yield Row(SUBJECT, f"{name}: items without any junk", clean)


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def _score_source(pairs: list[tuple[str, dict[str, Any]]]) -> tuple[float, float, float]:
    learned = Boilerplate()
    junk = gone = real = lost = clean = 0
    for place, (raw, truth) in enumerate(pairs):
        cleaned = clean_entry(FeedEntry(guid="", position=0, content=raw), learned=learned)
        learned.learn(cleaned.signatures)
        if place < _LEARN_FROM:
            continue
        text = _letters(cleaned.article.text)
        own = "\n".join(map(_letters, truth["real"] + truth["optional"]))
        left = [b for b in map(_letters, truth["junk"]) if b and text.count(b) > own.count(b)]
        total = sum(map(len, map(_letters, truth["junk"])))
        junk, gone = junk + total, gone + total - sum(map(len, left))
        real += sum(map(len, map(_letters, truth["real"])))
        lost += sum(len(b) for b in map(_letters, truth["real"]) if b not in text)
        clean += not left
    return gone / junk, lost / real, clean / (len(pairs) - _LEARN_FROM)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", html.unescape(text))


def _cost(smoke: bool) -> Iterator[Row]:
    rounds = 3 if smoke else 30
    entries = [
        entry
        for path in sorted(corpus("items").glob("*.xml"))
        for entry in parse_feed(
            path.read_bytes(), url="https://feed.example/", content_type=None
        ).entries
    ]
    cost = _cpu(lambda: [clean_entry(entry) for entry in entries], rounds) / len(entries)
    yield Row(
        SUBJECT, "CPU per feed entry", cost, "<= 1", "ms", f"{len(entries)} development items"
    )
    pages = [path.read_bytes() for path in sorted(_PAGES.glob("*.html"))]
    ours = _cpu(lambda: [extract_page(page, url="https://a.example/1") for page in pages], rounds)
    plain = _cpu(lambda: [plain_trafilatura(page.decode()) for page in pages], rounds)
    yield Row(
        SUBJECT, "CPU per page / plain trafilatura", ours / plain, "<= 2", "", "example pages"
    )


def _cpu(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of CPU of one call: the least of the rounds, for other work shares the cores."""
    work()
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1000
