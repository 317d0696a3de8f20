"""A body is the same in every envelope: what it is, is found in the body, not in its declaration.

A new envelope is one line of `ENVELOPES`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from core.body.clean import clean_entry
from core.feeds.parse import parse_feed
from core.models import Article, Method
from core.page.extract import extract_page
from tests.score import f1, forbidden

SEEDS = sorted((Path(__file__).parents[2] / "examples" / "seeds").glob("*.txt"))
_RSS = (
    '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    ' xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    ' xmlns:yandex="http://news.yandex.ru" xmlns:atom="http://www.w3.org/2005/Atom">'
    "<channel><title>N</title><item><guid>1</guid>{}</item></channel></rss>"
)
_ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>N</title><id>n</id>'
    "<entry><id>1</id>{}</entry></feed>"
)


def rss(element: str, quote: Callable[[str], str] = escape) -> Callable[[str], str]:
    return lambda body: _RSS.format(f"<{element}>{quote(body)}</{element.split()[0]}>")


def atom(element: str, quote: Callable[[str], str] = escape) -> Callable[[str], str]:
    return lambda body: _ATOM.format(f"<{element}>{quote(body)}</{element.split()[0]}>")


def json_feed(field: str) -> Callable[[str], str]:
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "N"}
    return lambda body: json.dumps({**document, "items": [{"id": "1", field: body}]})


def cdata(body: str) -> str:
    return f"<![CDATA[{body.replace(']]>', ']]]]><![CDATA[>')}]]>"


ENVELOPES: dict[str, Callable[[str], str]] = {
    "description": rss("description"),
    "description in CDATA": rss("description", cdata),
    "content:encoded": rss("content:encoded", cdata),
    "itunes:summary": rss("itunes:summary"),
    "yandex:full-text": rss("yandex:full-text"),
    "atom:content in RSS": rss('atom:content type="html"'),
    "Atom html": atom('content type="html"'),
    "Atom html in CDATA": atom('content type="html"', cdata),
    "Atom text/html": atom('content type="text/html"'),
    "Atom text": atom('content type="text"'),
    "Atom text/plain": atom('content type="text/plain"'),
    "Atom text/markdown": atom('content type="text/markdown"'),
    "Atom text/x-markdown": atom('content type="text/x-markdown"'),
    "Atom without type": atom("content"),
    "Atom summary": atom("summary"),
    "Atom summary html": atom('summary type="html"'),
    "JSON Feed content_html": json_feed("content_html"),
    "JSON Feed content_text": json_feed("content_text"),
    "JSON Feed summary": json_feed("summary"),
}


def article_in(envelope: str, body: str) -> Article:
    document = ENVELOPES[envelope](body).encode()
    entry = parse_feed(document, url="https://a.example/feed", content_type=None).entries[0]
    return clean_entry(entry).article


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_body_is_the_same_in_every_envelope(envelope: str, seed: Path) -> None:
    wanted = json.loads(seed.with_suffix(".expected.json").read_text())

    article = article_in(envelope, seed.read_text())

    assert f1(article.text, wanted) >= 0.99
    assert not forbidden(article.text, article.html, wanted)
    assert article.original_url == wanted["original_url"]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("served_as", ["text/markdown", "text/plain; charset=utf-8"])
def test_a_page_that_is_served_as_text_is_read_as_an_entry_is(served_as: str, seed: Path) -> None:
    wanted = json.loads(seed.with_suffix(".expected.json").read_text())
    url = "https://raw.example/posts/1.md"

    page = extract_page(seed.read_bytes(), url=url, content_type=served_as)

    assert page is not None
    assert f1(page.article.text, wanted) >= 0.99
    assert not forbidden(page.article.text, page.article.html, wanted)
    assert page.article.original_url == wanted["original_url"]
    assert page.article.method is Method.PAGE


WORDS = (
    "The council of Lowen voted on Tuesday to keep the old ferry until the bridge is repaired.",
    "Three engineers had warned that the cables are rusty; nobody had read their report.",
    "The mayor said that 2 * 3 boats and a_small_barge would cross the river every hour.",
)
LINK = "https://harbour.example/report?a=1&b=2"
FORMS = {
    "HTML": (
        "<h2>What was decided</h2><p>{0}</p>\n\n<p>{1} <a href='{link}'>The report</a></p>\n"
        "<p>{2}</p>"
    ),
    "escaped HTML": (
        "&lt;p&gt;{0}&lt;/p&gt;&lt;p&gt;{1} &lt;a href=&quot;{link}&quot;&gt;The report&lt;/a&gt;"
        "&lt;/p&gt;&lt;p&gt;{2}&lt;/p&gt;"
    ),
    "JSON-escaped HTML": (
        '\\u003cp\\u003e{0}\\u003c/p\\u003e\\u003cp\\u003e{1} \\u003ca href=\\"{link}\\"\\u003eThe '
        "report\\u003c/a\\u003e\\u003c/p\\u003e\\u003cp\\u003e{2}\\u003c/p\\u003e"
    ),
    "markdown": "## What was decided\n\n{0}\n\n{1} [The report]({link})\n\n{2}\n",
    "markdown with front matter": "---\ntitle: A\n---\n{0}\n\n{1} [The report]({link})\n\n{2}",
    "markdown with HTML": (
        "## What was decided\n---\n\n<div>\n<p>{0}</p>\n</div>\n\n{1} [The report]({link})\n\n{2}"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_a_form_is_known_from_the_body_alone(envelope: str, form: str) -> None:
    body = FORMS[form].format(*WORDS, link=LINK)
    if form == "escaped HTML":
        body = body.replace("&b", "&amp;amp;b")

    article = article_in(envelope, body)

    said = [block for block in article.text.split("\n\n") if block != "What was decided"]
    assert said == [WORDS[0], f"{WORDS[1]} The report", WORDS[2]]
    assert article.links == (LINK,)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_plain_text_stays_plain_text(envelope: str) -> None:
    article = article_in(envelope, "\n\n".join(WORDS))

    assert article.text.split("\n\n") == list(WORDS)


@pytest.mark.parametrize("envelope", ["Atom text", "Atom without type", "JSON Feed content_text"])
def test_declared_plain_text_stays_as_it_is_written(envelope: str) -> None:
    said = "Line one\nLine two with <b>no markup</b> meant.\n\n# Not a heading\n* not a list"

    article = article_in(envelope, said)

    assert article.text.replace("\n\n", "\n") == said.replace("\n\n", "\n")
    assert "<b>" not in article.html
    assert "<h1>" not in article.html


def test_html_with_code_that_looks_like_markdown_stays_html() -> None:
    body = (
        "<p>Install it:</p>\n\n<pre># first [a](./x)\n\n# then [b](./y)\n</pre>\n\n"
        "<p># 1 in the charts, see [1](#one)</p>"
    )

    article = article_in("Atom html", body)

    assert "<h1>" not in article.html
    assert "# first [a](./x)" in article.text
    assert "# 1 in the charts, see [1](#one)" in article.text


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["<pre>", "<p>", "[](/a", "<a href=", "<!--", "</p", "# [](/", "\n<code"]
)
@pytest.mark.parametrize("envelope", ["Atom html", "Atom text", "description"])
def test_a_form_is_found_in_linear_time(envelope: str, piece: str) -> None:
    assert article_in(envelope, "# [a](/b)\n\n" + piece * (60_000 // len(piece))) is not None
