"""What is read of a document in part is what a whole reading gives, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import core.feeds.parse
from core.errors import NotAFeed
from core.feeds.new_entries import KnownItems, plain_document, read_new_entries
from core.feeds.parse import parse_feed
from core.models import FeedEntry, ParsedFeed

URL = "https://news.example/feed"
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{uri}"'
    for prefix, uri in {
        "content": "http://purl.org/rss/1.0/modules/content/",
        "dc": "http://purl.org/dc/elements/1.1/",
        "media": "http://search.yahoo.com/mrss/",
        "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
        "thr": "http://purl.org/syndication/thread/1.0",
    }.items()
)
NEWS = "記者今天在新聞發布會上說的是一個大家都關心的問題"
TEXT = "The road over the pass was closed on Sunday after forty centimetres of snow fell."
RSS_PARTS = (
    "<title>A &amp;amp; B</title>",
    "<title>{n}</title>",
    "<link>/a/{n}?x=1&amp;y=2</link>",
    "<description>&lt;p>some text {n}&lt;/p></description>",
    "<description><![CDATA[<p>{n}</p><img src='/i.png'>]]></description>",
    "<description>bare <div>markup {n}</div></description>",
    "<content:encoded><![CDATA[<p>the article {n}</p>]]></content:encoded>",
    "<pubDate>Fri, 20 Nov 2026 10:00:{n:02d} GMT</pubDate>",
    "<dc:creator>Somebody</dc:creator><dc:language>de</dc:language>",
    "<category domain='x'>News</category><category>{n}</category>",
    "<enclosure url='/f/{n}.mp3' length='5' type='audio/mpeg'/>",
    "<media:group><media:content url='/m/{n}.jpg' medium='image'>"
    "<media:title>of the picture</media:title></media:content></media:group>",
    "<media:thumbnail url='/t/{n}.jpg'/>",
    "<source url='https://other.example/'>Other</source>",
    "<title xml:lang='fr'>Bonjour {n}</title>",
    "<link xml:base='https://other.example/'>b/{n}</link>",
    "<x:y xmlns:x='http://purl.org/dc/elements/1.1/'>inner</x:y>",
    "<image><url>/i/{n}.png</url><title>picture</title></image>",
    "<itunes:image href='/p/{n}.png'/><itunes:author>Host</itunes:author>",
    "<language>en</language>",
    "<unknown a='1'/>",
)
ATOM_PARTS = (
    "<title type='html'>A &amp;amp; &lt;b>B&lt;/b></title>",
    "<title>{n}</title>",
    "<link href='/a/{n}'/><link rel='enclosure' href='/f/{n}.mp3' length='5'/>",
    "<updated>2026-11-20T10:00:{n:02d}Z</updated>",
    "<author><name>Somebody</name><uri>/who</uri></author>",
    "<summary>in short {n}</summary>",
    "<content type='html'>&lt;p>the article {n}&lt;/p></content>",
    "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>{n} <b>x</b></p></div>"
    "</content>",
    "<content type='html'><div>not escaped</div></content>",
    "<content type='html' xml:base='https://other.example/'>&lt;a href='x'>{n}&lt;/a></content>",
    "<category term='news' label='News'/>",
    "<source><title>Elsewhere</title><id>urn:other</id></source>",
    "<thr:in-reply-to ref='urn:1'/>",
)
GUIDS = ("<guid>g-{n}</guid>", "<guid isPermaLink='false'>g-{n}</guid>", "<guid>same</guid>", "")
IDS = ("<id>urn:{n}</id>", "<id>urn:{n}</id>", "<id>urn:same</id>", "")
HEADS = (
    "<title>The feed</title><link>https://news.example/</link><language>zh</language>",
    "<title>The feed</title><description>what it is</description><ttl>60</ttl>",
    "<title>The feed</title><image><url>/l.png</url><title>Logo</title><link>/</link></image>",
    "<title>The feed</title><skipHours><hour>1</hour><hour>2</hour></skipHours>",
    "<title xml:base='https://elsewhere.example/'>The feed</title>",
    "<description><div lang='fr'>bare markup</div></description>",
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    atom = draw(st.booleans())
    names, parts, guids = ("entry", ATOM_PARTS, IDS) if atom else ("item", RSS_PARTS, GUIDS)
    usual = draw(st.lists(st.sampled_from(parts), min_size=2, max_size=6))
    same_kind = draw(st.sampled_from(guids))
    items = []
    for n in range(draw(st.integers(1, 6))):
        own = draw(st.lists(st.sampled_from(parts), max_size=2))
        guid = draw(st.sampled_from(guids)) if draw(st.integers(0, 9)) == 0 else same_kind
        body = "".join([guid, *usual, *own]).format(n=n)
        items.append(f"<{names}>{body}</{names}>")
    head, between = draw(st.sampled_from(HEADS)), draw(st.sampled_from(("", "\n", "<!-- x -->")))
    base = draw(st.sampled_from(("", "xml:base='https://news.example/'", "xml:lang='de'")))
    if atom:
        head = "<title>The feed</title><author><name>All</name></author>"
        start, end = f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACES} {base}>', "</feed>"
    else:
        start, end = f"<rss version='2.0' {NAMESPACES} {base}><channel>", "</channel></rss>"
    if draw(st.integers(0, 5)) == 0:
        return (start + between.join(items) + head + end).encode()
    return (start + head + between.join(items) + end).encode()


@settings(max_examples=300, deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_any_part_of_a_document_reads_as_it_does_in_the_whole(document, chance):
    whole = _uncut(document)

    assert_parts_read_as_the_whole(document, whole, chance)


@pytest.mark.timeout(900)
@pytest.mark.skipif("MILLRACE_SUITES" not in os.environ, reason="needs the test files of others")
def test_any_part_of_other_peoples_documents_reads_as_it_does_in_the_whole():
    for path in sorted(Path(os.environ["MILLRACE_SUITES"]).rglob("*")):
        document = path.read_bytes() if path.is_file() and path.stat().st_size < 400_000 else b""
        for variant in (document, _among_plain_ones(document)):
            if b"<" in variant[:3000]:
                assert_parts_read_as_the_whole(variant, _uncut(variant), Random(5))


def assert_parts_read_as_the_whole(document, whole, chance):
    if whole is None:
        return
    cut = read_new_entries(document, url=URL, content_type=None)
    assert _as_read(cut) == _as_read(whole)
    all_known = KnownItems.from_bytes(cut.items)
    places = range(len(all_known.items))
    for known in (set(places), *({at} for at in places), {at for at in places if _toss(chance)}):
        kept = [item for at, item in enumerate(all_known.items.items()) if at in known]
        told = KnownItems(all_known.named_by, dict(kept)).to_bytes()

        part = read_new_entries(document, url=URL, content_type=None, known=told)

        left = [entry for at, entry in enumerate(whole.entries) if at not in known]
        assert _as_read(part) == _as_read(whole.model_copy(update={"entries": tuple(left)}))
        assert set(part.unchanged) == {item for _, item in kept}
        assert KnownItems.from_bytes(part.items) == KnownItems.from_bytes(cut.items)


def test_a_plain_document_is_cut_and_only_what_is_new_is_read(monkeypatch):
    before = _rss(*(_item(n) for n in range(1, 50)))
    after = _rss(*(_item(n) for n in range(50)))
    known = read_new_entries(before, url=URL, content_type=None).items
    read = _documents_read(monkeypatch)

    feed = read_new_entries(after, url=URL, content_type=None, known=known)

    assert [entry.guid for entry in feed.entries] == ["g-0"]
    assert len(feed.unchanged) == 49
    assert read[0].count(b"<item>") == 1


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param((b"<rss version", b"<rss xml:base='https://a.example/' version"), id="base"),
        pytest.param((b"2.0", b"0.91"), id="version"),
        pytest.param((b"the text 3", b"the text, changed"), id="text"),
    ],
)
def test_what_an_item_stands_in_and_what_it_says_make_it_known(changed):
    document = _rss(*(_item(n) for n in range(5)))
    known = read_new_entries(document, url=URL, content_type=None).items

    feed = read_new_entries(document.replace(*changed), url=URL, content_type=None, known=known)

    assert "g-3" in [entry.guid for entry in feed.entries]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "big5"])
def test_known_items_are_told_apart_in_any_encoding(encoding):
    head = f"<?xml version='1.0' encoding='{encoding}'?>"
    texts = [(head + _rss(*(_item(n) for n in range(at, 20))).decode()) for at in (1, 0)]
    before, after = (text.replace("text", NEWS).encode(encoding) for text in texts)
    known = read_new_entries(before, url=URL, content_type=None).items

    feed = read_new_entries(after, url=URL, content_type=None, known=known)

    assert [entry.guid for entry in feed.entries] == ["g-0"]
    assert NEWS in feed.entries[0].content


def test_bytes_that_break_the_encoding_have_the_whole_document_read():
    plain = _rss(*(_item(n) for n in range(20)))
    document = plain.replace(b"text 3", NEWS.encode("gb18030"))
    known = read_new_entries(_rss(*(_item(n) for n in range(3))), url=URL, content_type=None).items

    feed = read_new_entries(document, url=URL, content_type=None, known=known)

    assert len(feed.entries) == 20
    assert NEWS in feed.entries[3].content


def test_entities_that_an_item_quotes_are_not_declared_for_the_others():
    quoting = _item(1).replace("the text", "<![CDATA[<!ENTITY x 'y'>]]>")
    naming = _item(0).replace("the text", "&eacute;t&eacute;")
    known = read_new_entries(_rss(quoting), url=URL, content_type=None).items

    whole = parse_feed(_rss(naming, quoting), url=URL, content_type=None)
    part = read_new_entries(_rss(naming, quoting), url=URL, content_type=None, known=known)

    assert part.entries == whole.entries[:1]
    assert "été" in part.entries[0].content


def test_an_item_from_another_address_is_another_item():
    document = _rss(*(_item(n) for n in range(5)))
    known = read_new_entries(document, url=URL, content_type=None).items

    feed = read_new_entries(document, url="https://moved.example/", content_type=None, known=known)

    assert len(feed.entries) == 5


def test_a_new_item_under_a_known_guid_has_the_whole_document_read():
    known = read_new_entries(_rss(_item(1), _item(2)), url=URL, content_type=None).items
    twin = _item(1).replace("the text", "another text")

    feed = read_new_entries(_rss(twin, _item(1), _item(2)), url=URL, content_type=None, known=known)

    assert len(feed.entries) == 3
    assert feed.items == b""
    assert len({entry.guid for entry in feed.entries}) == 3


@pytest.mark.parametrize(
    "item",
    [
        pytest.param("<item xml:base='/x/'><guid>1</guid></item>", id="base"),
        pytest.param("<item><title xml:lang='fr'>x</title></item>", id="language"),
        pytest.param("<item><a:b xmlns:a='urn:a'>x</a:b></item>", id="namespace"),
        pytest.param("<item><description><div>x</div></description></item>", id="bare markup"),
        pytest.param("<item><item/></item>", id="nested"),
        pytest.param("<item/>", id="empty"),
        pytest.param("<item><title>a & b</title></item>", id="not well-formed"),
        pytest.param("<item><title>x</title></item><title>late</title>", id="late head"),
        pytest.param("<item><title><![CDATA[</item>]]></title></item>", id="quoted end"),
        pytest.param("<!-- <item><title>x</title></item> -->", id="comment"),
    ],
)
def test_what_could_reach_beyond_its_item_keeps_the_document_whole(item):
    assert plain_document(_rss(item)) is None


def test_rdf_is_read_whole():
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    assert plain_document(f"<r:RDF xmlns:r='{rdf}'><item/></r:RDF>".encode()) is None


def test_what_is_no_memory_knows_nothing():
    assert KnownItems.from_bytes(b"").items == {}
    assert KnownItems.from_bytes(b"g" + b"x" * 39).items == {}


def test_an_entry_without_guid_keeps_the_name_that_its_former_link_gave() -> None:
    entry = _entry(
        "<title>T</title><link>https://a.example/1</link><link>https://a.example/2</link>"
    )

    assert (entry.guid, entry.link) == ("https://a.example/2", "https://a.example/1")


def _uncut(document: bytes) -> ParsedFeed | None:
    """The document as feedparser reads it whole."""
    try:
        return parse_feed(document, url=URL, content_type=None)
    except (NotAFeed, TypeError, KeyError):  # the latter are feedparser's own at wild markup
        return None


def _as_read(feed: ParsedFeed) -> ParsedFeed:
    return feed.model_copy(update={"unchanged": (), "items": b""})


def _toss(chance) -> bool:
    return chance.random() < 0.5


def _documents_read(monkeypatch) -> list[bytes]:
    read, parse = [], core.feeds.parse.feedparser.parse

    def reading(stream, **options):
        read.append(stream.getvalue())
        return parse(stream, **options)

    monkeypatch.setattr(core.feeds.parse.feedparser, "parse", reading)
    return read


def _among_plain_ones(document: bytes) -> bytes:
    """The document's items between two that are beyond doubt."""
    for name in (b"item", b"entry"):
        start, last = document.find(b"<" + name + b">"), document.rfind(b"</" + name + b">")
        if 0 <= start < last:
            end = last + len(name) + 3
            plain = b"<%s><title>p</title><guid>plain</guid><id>plain</id></%s>" % (name, name)
            other = plain.replace(b"plain", b"other")
            return document[:start] + plain + document[start:end] + other + document[end:]
    return document


def _rss(*items: str) -> bytes:
    head = "<title>The feed</title><link>https://news.example/</link>"
    return f"<rss version='2.0'><channel>{head}{''.join(items)}</channel></rss>".encode()


def _item(n: int) -> str:
    return (
        f"<item><guid>g-{n}</guid><title>Title {n}</title><link>/a/{n}</link>"
        f"<description>&lt;p&gt;the text {n}&lt;/p&gt;</description></item>"
    )


def _entry(item: str, declared: str = "utf-8") -> FeedEntry:
    document = (
        f'<?xml version="1.0" encoding="{declared}"?><rss xmlns:media="http://search.yahoo.com/mrss/">'
        f"<channel><title>N</title><item>{item}</item><item><title>Other</title></item></channel></rss>"
    )
    data = document.encode(declared)
    return parse_feed(data, url="https://a.example/feed", content_type=None).entries[0]
