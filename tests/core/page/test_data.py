"""Pages whose text is only in their data: made-up, in the shapes that frameworks write."""

import json
import time
from typing import Any

import pytest

from core.models import Method
from core.page.extract import extract_page

TITLE = "The weir was rebuilt in the winter"
FIRST = "The weir was rebuilt in the winter, and the mill turns again since March."
PARAGRAPHS = [
    FIRST,
    "Divers set the last stone in February. The town paid half of the work, the county the rest.",
    "The miller says that he will grind flour for three bakeries. “We have waited for ten years.”",
    "In the mill a small museum shows the tools of the last miller, who left in 1961.",
    "Visitors may see the wheel on Sundays. The path along the river is open until the evening.",
]
MARKUP = "".join(f"<p>{each}</p>" for each in PARAGRAPHS)
OTHER = "<p>" + "Another story tells of a bridge and its engineers. " * 40 + "</p>"


def page(scripts: str, shown: str = "<div id='root'></div>") -> bytes:
    described = f'<meta name="description" content="{FIRST}">'
    head = f"<title>{TITLE}</title>{described}"
    return f"<html><head>{head}</head><body>{shown}{scripts}</body></html>".encode()


def script(data: Any, stated: str = "type='application/json'", before: str = "") -> str:
    return f"<script {stated}>{before}{json.dumps(data)}</script>"


NEXT = {"props": {"pageProps": {"post": {"title": TITLE, "content": MARKUP}, "next": {"x": None}}}}
PIECES = {"story": {"content_elements": [{"type": "text", "content": p} for p in PARAGRAPHS]}}
NUXT = [{"post": 1}, {"title": 2, "body": 3, "is_open": True}, TITLE, MARKUP]
LINKED = {"@type": "NewsArticle", "headline": TITLE, "articleBody": "\n\n".join(PARAGRAPHS)}


@pytest.mark.parametrize(
    "scripts",
    [
        script(NEXT, "id='__NEXT_DATA__' type='application/json'"),
        script(PIECES),
        script(NUXT, "type='application/json' id='__NUXT_DATA__'"),
        script({"Post:1": {"body": MARKUP}}, "", "window.__APOLLO_STATE__ = "),
        script(LINKED, "type='application/ld+json'"),
        f'<meta itemprop="articleBody" content="{" ".join(PARAGRAPHS)}">',
    ],
)
def test_the_text_of_a_page_that_scripts_write_is_read_from_its_data(scripts: str) -> None:
    found = extract_page(page(scripts), url="https://a.example/1")

    assert found is not None
    assert all(each in found.article.text for each in PARAGRAPHS)
    assert found.article.method is Method.SUMMARY


def test_a_longer_text_of_another_article_in_the_data_is_not_taken() -> None:
    both = {"related": [{"body": OTHER}], "post": {"body": MARKUP}}

    found = extract_page(page(script(both)), url="https://a.example/1")

    assert found is not None
    assert found.article.text == "\n\n".join(PARAGRAPHS)


def test_markup_in_the_data_is_sanitised_and_keeps_its_structure() -> None:
    body = MARKUP + "<ul><li>Flour</li></ul><img src=x onerror=alert(1)>"

    found = extract_page(page(script({"body": body})), url="https://a.example/1")

    assert found is not None
    assert "<li>Flour</li>" in found.article.html
    assert "alert" not in found.article.html


def test_a_page_that_shows_its_text_is_read_as_it_shows_it() -> None:
    shown = f"<article><h1>{TITLE}</h1>{MARKUP}</article>"
    data = {"body": MARKUP + "<p>Only the editors know this sentence, which nobody reads.</p>"}

    found = extract_page(page(script(data), shown), url="https://a.example/1")

    assert found is not None
    assert found.article.method is Method.PAGE
    assert "editors" not in found.article.text


@pytest.mark.parametrize(
    "data",
    [
        "[" * 500_000,
        '{"body":' * 100_000 + "1" + "}" * 100_000,
        json.dumps([{"body": n} for n in range(1, 150_000)]),
        json.dumps({"body": "<" * 1_500_000}),
        json.dumps({"body": ["Some words. " * 5] * 20_000}),
    ],
    ids=["open", "deep", "wide", "brackets", "pieces"],
)
def test_hostile_data_ends(data: str) -> None:
    begun = time.process_time()

    extract_page(page(f"<script type='application/json'>{data}</script>"), url=None)

    assert time.process_time() - begun < 10
