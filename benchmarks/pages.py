"""How whole articles of pages are: words, title, author and day, and the worst to look at.

For each set a page in `out/` shows the worst twenty, original, kept and removed side by side: that
is how a rule is made. The sets trained the trees too; `benchmarks/training` scores halves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import Row, corpus
from benchmarks.training.blocks import pages_with_truth, word_f1
from core.models import Article
from core.page.extract import extract_page
from core.text import letters_only
from millrace.commands.extract import Compared, comparison_page

SUBJECT = "pages"
_OUT = Path(__file__).parents[1] / "out"
_WORST = 20
_SMOKE = 5  # pages of a set
_COMPARED = {"title": 12, "author": 12, "published": 8}  # letters: a day, the begin of a name


def run(smoke: bool) -> Iterator[Row]:
    """Mean F1 of words by type, and how often each field is as stated."""
    for name in ("typed", "articles"):
        pages = pages_with_truth(corpus("pages", name))
        yield from _set(name, islice(pages, _SMOKE) if smoke else pages)


def _set(name: str, pages: Iterator[tuple[str, bytes, dict[str, Any]]]) -> Iterator[Row]:
    scores: defaultdict[str, list[float]] = defaultdict(list)
    fields: defaultdict[str, list[bool]] = defaultdict(list)
    worst: list[tuple[float, Compared]] = []
    for file, data, truth in pages:
        found = extract_page(data, url=truth.get("url"))
        article = found.article if found else Article()
        score = word_f1(article.text, truth["text"])
        scores[truth["type"]].append(score)
        for field, letters in _COMPARED.items():
            if truth.get(field):
                own, wanted = (letters_only(str(each or ""))[:letters]
                               for each in (getattr(article, field), truth[field]))  # fmt: skip
                fields[field].append(own == wanted)
        worst.append((score, _compared(file, data, article, score)))
        worst = sorted(worst, key=lambda each: each[0])[:_WORST]
    for kind, each in scores.items():
        yield Row(
            SUBJECT, f"{name}: words of {kind}, F1", sum(each) / len(each), note=f"{len(each)}"
        )
    for field, right in fields.items():
        yield Row(SUBJECT, f"{name}: {field} as stated", sum(right) / len(right))
    _OUT.mkdir(exist_ok=True)
    path = _OUT / f"worst-{name}.html"
    path.write_text(comparison_page(each for _, each in worst), encoding="utf-8")


def _compared(file: str, data: bytes, article: Article, score: float) -> Compared:
    removed = tuple((each.rule, each.text) for each in article.removed)
    return Compared(
        file, data, article.title, article.html, article.text, removed, f"F1 {score:.3f}"
    )
