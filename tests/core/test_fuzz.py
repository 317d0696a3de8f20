"""Whatever strangers and typing slips bring: an answer or an error of ours, and nothing that acts.

`MILLRACE_FUZZ=100` makes a hundred times as many examples.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from html import escape

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as markup

from core.body.normalize import normalize
from core.config.file import load_settings
from core.config.opml import read_opml
from core.config.source import Source
from core.errors import ConfigError, DocumentError, MillraceError, NotAFeed
from core.feeds.parse import parse_feed
from core.models import Article, Decision, FeedEntry, Member, Story
from core.pipeline import prepare, prepare_first_page
from core.render.formats import atom_entry, json_item, rss_item
from core.render.items import feed_item
from core.urls import web_url

EXAMPLES = 40 * int(os.environ.get("MILLRACE_FUZZ", "1"))
SEEN = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
NAMESPACES = 'xmlns="http://www.w3.org/2005/Atom" xmlns:{0}="urn:{0}"'
ACTING = re.compile(r"^\s*(?:javascript|vbscript|data):", re.IGNORECASE)

fuzz = settings(max_examples=EXAMPLES, deadline=None)

scraps = st.sampled_from(
    "<p> </p> <b> <a href= <img src= onerror=x javascript:alert(1) \"'> <script> </script> <!-- -->"
    " <![CDATA[ ]]> &amp; &lt; &QUOT; &#0; &#x1F600; {{< >}} --- *** # ]]> <svg onload=1> <style>"
    " http://a.example/[1] //b.example/x %zz \\u003cp\\u003e <table><tr> <ul><li> <br><br> <pre>"
    " 2026-02-31 新闻。 \u202e \x0b \x85 \ud800".split(" ")
)
texts = st.lists(scraps | st.text(max_size=30), max_size=25).map(" ".join)
elements = st.sampled_from(
    "title link guid id description summary content content:encoded dc:creator author category"
    " pubDate updated published enclosure media:thumbnail source media:group".split()
)
items = st.lists(st.tuples(elements, texts), max_size=8).map(
    lambda fields: "".join(
        f'<{name} url="{escape(text)}" href="{escape(text)}" type="html">{escape(text)}</{name}>'
        for name, text in fields
    )
)


@given(st.lists(items, max_size=4), st.sampled_from(["rss", "feed", "rdf:RDF", "channel", "x"]))
@fuzz
def test_any_document_gives_entries_that_can_be_published(found: list[str], root: str) -> None:
    inner = "".join(f"<item>{item}</item><entry>{item}</entry>" for item in found)
    document = f"<{root}><channel>{inner}</channel></{root}>".encode("utf-8", "replace")
    with suppress(NotAFeed):
        feed = parse_feed(document, url="https://n.example/f", content_type=None)
        for entry in feed.entries:
            assert_harmless(entry)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | texts,
       lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
           st.sampled_from("id url title content_html content_text summary image authors name tags"
                           " attachments mime_type language date_published hubs".split()),
           inner, max_size=8), max_leaves=30))  # fmt: skip
@fuzz
def test_any_tree_as_json_feed_gives_entries_that_can_be_published(tree: object) -> None:
    document = json.dumps({"title": tree, "items": tree if isinstance(tree, list) else [tree]})
    for entry in parse_feed(
        document.encode(), url="https://n.example/f", content_type=None
    ).entries:
        assert_harmless(entry)


@given(texts, st.sampled_from(["html", "text", "markdown", "auto"]))
@fuzz
def test_any_body_becomes_one_tree(text: str, kind: str) -> None:
    document = normalize(text, content_type=kind)  # type: ignore[arg-type]

    assert etree.tostring(document.root, encoding="unicode")


page_scraps = st.sampled_from(
    "<html> <head> <title> <meta charset=utf-7> <base href=//b.example/> <body> <main> <article> "
    "<h1> <time datetime=2026-13-40> <div hidden> <a rel=next href=?page=2> <link rel=canonical "
    '<script type=application/ld+json>{"articleBody":[{}]} <template> <noscript> <frameset> '
    "</article> </body> <figure> <figcaption> <blockquote> <iframe src=//c.example>".split(" ")
)
pages = st.lists(scraps | page_scraps | st.text(max_size=30), max_size=40).map(" ".join)


@given(pages, st.sampled_from(["text/html", "text/html; charset=utf-16", "image/png", None]))
@fuzz
def test_any_page_gives_an_article_or_an_error_of_ours(page: str, kind: str | None) -> None:
    from_feed = Article(title="The mill", link="https://n.example/1", html="<p>It was built.</p>")
    source = Source(url="https://n.example/f", name="n")
    with suppress(MillraceError):
        made = prepare_first_page(
            page.encode("utf-8", "replace"), "https://n.example/1", kind, from_feed, source
        )
        if not isinstance(made, str):
            assert_nothing_acts(made.entry.article.html)


attributes = st.sampled_from("text title xmlUrl type htmlUrl category XMLURL".split())
outlines = st.lists(
    st.tuples(attributes, texts).map(
        lambda pair: f'<outline {pair[0]}="{escape(pair[1])}" xmlUrl="{escape(pair[1])}">'
    )
    | st.sampled_from(["</outline>", "<outline", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "&a;&nbsp;"])
    | texts,
    max_size=12,
).map("".join)


@given(outlines.map(lambda inner: f"<opml><body>{inner}</body></opml>") | texts | st.binary())
@fuzz
def test_any_opml_is_read_or_refused(document: str | bytes) -> None:
    data = document if isinstance(document, bytes) else document.encode("utf-8", "replace")
    with suppress(DocumentError):
        for each in read_opml(data).found:
            assert web_url(each.url, None)


def assert_harmless(entry: FeedEntry) -> None:
    """It is cleaned and rendered: well-formed, and nothing in it acts."""
    article = prepare([entry], Source(url="https://n.example/f", name="n"), None).entries[0].article
    member = Member(
        id="urn:millrace:1", source="n", url=article.link, title=article.title,
        first_seen=SEEN, decision=Decision.PUBLISHED, rule="founder",
    )  # fmt: skip
    story = Story(
        id=member.id, first_seen=SEEN, arrived=SEEN, order=0, updated=SEEN, version=1,
        representative=member.id, members=(member,), article=article,
    )  # fmt: skip
    item = feed_item(story)
    json.loads(json_item(item))
    for rendered in (rss_item(item), atom_entry(item)):
        names = " ".join(
            f'xmlns:{name}="urn:{name}"' for name in ("atom", "content", "dc", "media")
        )
        read = etree.fromstring(f"<x {names}>{rendered}</x>".encode())
        for element in read.iter("{urn:content}encoded", "description", "content"):
            if element.get("type", "html") == "html":
                assert_nothing_acts(element.text or "")


def assert_nothing_acts(text: str) -> None:
    for element in markup.fromstring(f"<div>{text}</div>").iter():
        assert element.tag not in ("script", "style", "iframe", "svg", "form", "object", "base")
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name != "style"
            assert not ACTING.match(re.sub(r"[\x00-\x20]", "", value))


names = st.sampled_from(
    "feed title link language limit hub sources url name tags kind every enabled full_text drop "
    "keep priority remove auth headers proxy fetch user_agent min_interval max_interval timeout "
    "base cap backoff per_host in_flight per_second max_bytes page ports github allow_private "
    "dedup window radius retention entries days service token private webhooks secret defaults "
    "include".split()
)
values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["1h", "-1s", "https://a.example/", "http://[::1", "${NO}", "${", "(", "a[",
                       "10.0.0.0/8:80", "auto", "x" * 300, "\x07", "2026-01-01", "0x1", "&a", "*a"])
)  # fmt: skip
trees = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)
lines = st.lists(
    st.tuples(
        st.integers(0, 6), st.sampled_from(["", "- ", "? ", "#", "<<: "]), names, texts | values
    ).map(lambda parts: " " * parts[0] + f"{parts[1]}{parts[2]}: {parts[3]}"),
    max_size=12,
).map("\n".join)


@given(st.dictionaries(names, trees, max_size=8).map(json.dumps) | lines | st.text() | st.binary())
@fuzz
def test_any_feeds_yaml_is_read_or_refused_line_by_line(text: str | bytes) -> None:
    faults: list[str] = []
    try:
        load_settings(text, path="feeds.yaml", env={})
    except ConfigError as refused:
        faults = refused.faults or ["refused without a word"]

    for line in faults:
        assert re.fullmatch(r"feeds\.yaml:\d+: .+", line), line
        assert line.isprintable(), line
