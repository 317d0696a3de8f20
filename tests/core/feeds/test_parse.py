from __future__ import annotations

import html
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NotAFeed
from core.feeds.parse import FeedLimits, parse_feed
from core.models import ParsedFeed

URL = "https://news.example/feed.xml"


def parse(document: str | bytes, *, content_type: str | None = None) -> ParsedFeed:
    data = document.encode() if isinstance(document, str) else document
    return parse_feed(data, url=URL, content_type=content_type)


def rss(items: str, *, channel: str = "", prolog: str = "") -> str:
    return (
        f'{prolog}<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" '
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">'
        f"<channel><title>News</title>{channel}{items}</channel></rss>"
    )


def test_an_rss_entry_keeps_all_that_its_source_said() -> None:
    feed = parse(
        rss(
            """<item><title>Rain &amp;amp; sun</title><guid>12</guid>
            <pubDate>Fri, 20 Nov 2026 10:00:00 +0800</pubDate><link>/rain</link>
            <description>Short.</description>
            <content:encoded><![CDATA[<p>Long&nbsp;text</p>]]></content:encoded>
            <dc:creator>Ann</dc:creator><category>Weather</category>
            <enclosure url="/rain.mp3" length="12" type="audio/mpeg"/>
            <media:thumbnail url="https://cdn.example/rain.jpg"/></item>"""
        )
    )

    entry = feed.entries[0]
    assert (entry.guid, entry.link, entry.title) == (
        "12",
        "https://news.example/rain",
        "Rain &amp; sun",
    )
    assert entry.published == datetime(2026, 11, 20, 2, tzinfo=UTC)
    assert (entry.content, entry.summary) == ("<p>Long\xa0text</p>", "Short.")
    assert (entry.author, entry.categories) == ("Ann", ("Weather",))
    assert entry.enclosures[0].url == "https://news.example/rain.mp3"
    assert entry.image == "https://cdn.example/rain.jpg"
    assert feed.complete
    assert feed.fault is None


def test_atom_tells_markup_from_text() -> None:
    feed = parse(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://a.example/dir/">
        <title>A</title><author><name>Ann</name></author><link rel="hub" href="https://hub.example/"/>
        <link rel="self" href="https://a.example/atom"/>
        <entry><id>1</id><title>x</title><link href="1.html"/>
          <updated>2026-01-02T03:04:05Z</updated><content type="xhtml"><div
          xmlns="http://www.w3.org/1999/xhtml"><p>1 &lt; 2</p></div></content></entry>
        <entry><id>2</id><title>y</title><content type="text">plain</content></entry>
        <entry><id>3</id><title>z</title><summary>&lt;p>marked up&lt;/p></summary></entry></feed>"""
    )

    first, second, third = feed.entries
    assert (first.content_type, first.content) == ("html", "<p>1 &lt; 2</p>")
    assert (first.link, first.author) == ("https://a.example/dir/1.html", "Ann")
    assert first.updated == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert second.content_type == "text"
    assert third.content_type == "text"  # markup all the same: the body shows it
    assert (feed.hub, feed.self_url) == ("https://hub.example/", "https://a.example/atom")


@pytest.mark.parametrize(
    "document",
    [
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns="http://purl.org/rss/1.0/"><channel><title>N</title></channel>'
        '<item rdf:about="https://a.example/1"><title>T</title><link>https://a.example/1</link></item></rdf:RDF>',
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns="http://my.netscape.com/rdf/simple/0.9/"><channel><title>N</title></channel>'
        "<item><title>T</title><link>https://a.example/1</link></item></rdf:RDF>",
        '<rss version="0.91"><channel><title>N</title><item><title>T</title>'
        "<link>https://a.example/1</link></item></channel></rss>",
        '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>N</title><entry><title>T</title>'
        '<link rel="alternate" type="text/html" href="https://a.example/1"/></entry></feed>',
        '{"version": "https://jsonfeed.org/version/1", "title": "N", '
        '"items": [{"id": 1, "title": "T", "url": "https://a.example/1", "content_text": "x"}]}',
    ],
)
def test_every_dialect_is_read(document: str) -> None:
    entry = parse(document).entries[0]

    assert (entry.title, entry.link) == ("T", "https://a.example/1")


def test_a_json_feed_keeps_all_that_its_source_said() -> None:
    feed = parse(
        """{"version": "https://jsonfeed.org/version/1.1", "title": "N", "home_page_url": "/",
        "language": "zh", "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
        "authors": [{"name": "Ann"}], "items": [{"id": "a", "content_html": "<p>x</p>",
        "summary": "s", "date_published": "2026-02-03T04:05:06+08:00", "tags": ["t", 3],
        "image": "/i.png", "attachments": [{"url": "/a.mp3", "mime_type": "audio/mpeg"}]}, 7]}"""
    )

    entry = feed.entries[0]
    assert (feed.hub, feed.link, len(feed.entries)) == (
        "https://hub.example/",
        "https://news.example/",
        1,
    )
    assert (entry.content, entry.content_type, entry.author) == ("<p>x</p>", "html", "Ann")
    assert entry.published == datetime(2026, 2, 2, 20, 5, 6, tzinfo=UTC)
    assert entry.categories == ("t", "3")
    assert entry.enclosures[0].url == "https://news.example/a.mp3"


def test_markup_inside_json_is_none_of_the_documents() -> None:
    entry = parse(
        """{"items": [{"id": 1, "title": "&QUOT;, &bsol; &Tab;and &#8; <item>",
        "content_text": "two\nlines"}]}"""
    ).entries[0]

    assert entry.title == "&QUOT;, &bsol; &Tab;and &#8; <item>"
    assert entry.content == "two\nlines"


def test_what_a_feed_says_about_its_rhythm_is_kept() -> None:
    channel = (
        "<ttl>60</ttl><sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>"
        "<skipHours><hour>0</hour><hour>23</hour></skipHours><skipDays><day>Sunday</day></skipDays>"
    )

    feed = parse(rss("", channel=channel))

    assert (feed.ttl, feed.skip_hours, feed.skip_days) == (6 * 3600, (0, 23), (6,))


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16", "shift_jis", "utf-8"])
def test_text_arrives_whole_in_any_charset(encoding: str) -> None:
    title = (
        "新闻標題：今天的天氣"
        if encoding in ("gb18030", "utf-8", "utf-16")
        else "今日の天気はとても良いので公園へ行きましょう"
    )
    title = "今天的天氣很好我們去公園" if encoding == "big5" else title
    prolog = f'<?xml version="1.0" encoding="{encoding}"?>'

    feed = parse(rss(f"<item><title>{title}</title></item>", prolog=prolog).encode(encoding))

    assert feed.entries[0].title == title


def test_a_prolog_that_lies_is_ignored() -> None:
    document = rss("<item><title>Größe und Straße überall</title></item>")
    lying = '<?xml version="1.0" encoding="iso-8859-1"?>' + document

    feed = parse(lying.encode("utf-8"), content_type="text/xml; charset=utf-8")

    assert feed.entries[0].title == "Größe und Straße überall"


def test_what_xml_forbids_does_not_break_the_feed() -> None:
    item = "<item><title>a\x08b&#0;&nbsp;c</title><link>https://a.example/</link></item>"

    feed = parse("\n <br/>Warning: x\n<?xml version='1.0'?>" + rss(item))

    assert feed.fault is None
    assert feed.entries[0].title == "ab\xa0c"


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("Fish &#55357;&#56352;&#xD83D;&#xDC20; soup", "Fish \U0001f420\U0001f420 soup"),
        ("Cut &#55357; here &#xDC20", "Cut here"),
        ("Far &#99999999999;&#x110000; out", "Far out"),
        (f"Long &#{'9' * 5000}; out", "Long out"),
        ("Whole &#128032; &#x01F420;", "Whole \U0001f420 \U0001f420"),
    ],
)
def test_references_to_halves_of_characters_break_no_feed(stated: str, read: str) -> None:
    item = f"<item><title>{stated}</title><link>https://a.example/</link></item>"

    feed = parse(rss(item))

    assert feed.fault is None
    assert " ".join((feed.entries[0].title or "").split()) == read
    cdata = parse(rss("<item><description><![CDATA[a &#55357;]]></description></item>"))
    assert cdata.entries[0].content == "a &#55357;"


@pytest.mark.parametrize(
    "odd",
    ["<b></width>", "<height></height>", "<description>a&#1 b</description><b>",
     '<pos xmlns="http://www.opengis.net/gml">1 2</pos>'],
)  # fmt: skip
def test_what_feedparser_stumbles_over_breaks_no_feed(odd: str) -> None:
    one, two = "<item><guid>1</guid><title>One</title>", "<item><guid>2</guid><title>Two</title>"

    feed = parse(rss(f"{one}{odd}</item>{two}</item>"))

    assert [entry.title for entry in feed.entries] == ["One", "Two"]


def test_a_broken_feed_gives_what_can_be_read_and_says_so() -> None:
    whole = rss("<item><title>One</title></item><item><title>Two & three</title></item>")

    broken = parse(whole)
    torn = parse(whole[: whole.index("Two")])

    assert [entry.title for entry in broken.entries] == ["One", "Two & three"]
    assert broken.complete
    assert broken.fault
    assert torn.entries[0].title == "One"
    assert not torn.complete


def test_a_web_page_is_no_feed_and_names_its_feeds() -> None:
    page = '<!doctype html><html><link rel="alternate" type="application/rss+xml" href="/rss">'

    with pytest.raises(NotAFeed) as caught:
        parse(page)

    assert caught.value.alternates == ("https://news.example/rss",)


@pytest.mark.parametrize(
    "junk", ["", "  ", "garbage", "<a><b/></a>", "{}", "[1]", "{", "\x00\x01", "[" * 9999]
)
def test_junk_is_no_feed(junk: str) -> None:
    with pytest.raises(NotAFeed):
        parse(junk)


def test_scripts_and_data_are_no_links() -> None:
    feed = parse(
        rss("<item><title>x</title><link>javascript:alert(1)</link><guid>data:x</guid></item>")
    )

    assert feed.entries[0].link is None


@pytest.mark.parametrize(
    ("item", "link"),
    [
        ("<guid>17</guid>", None),
        ("<guid>/17.html</guid>", None),
        ("<guid>https://a.example/17</guid>", "https://a.example/17"),
        ('<guid isPermaLink="false">https://a.example/17</guid>', None),
        ("<guid>/17</guid><link>/17</link>", "https://news.example/17"),
        ("<link>/17</link><guid>17</guid>", "https://news.example/17"),
    ],
)
def test_a_guid_is_a_link_only_where_it_is_a_whole_address(item: str, link: str | None) -> None:
    feed = parse(rss(f"<item><title>x</title>{item}</item>"))

    assert feed.entries[0].link == link


def test_only_the_newest_entries_of_a_very_long_feed_are_taken() -> None:
    def item(day: int) -> str:
        return f"<item><title>{day}</title><pubDate>{day} Jan 2026 00:00:00 GMT</pubDate></item>"

    limits = FeedLimits(entries=3)
    newest_first = rss(item(1) + "".join(item(day) for day in range(20, 9, -1))).encode()
    newest_last = rss("".join(item(day) for day in range(10, 21))).encode()

    first = parse_feed(newest_first, url=URL, content_type=None, limits=limits)
    last = parse_feed(newest_last, url=URL, content_type=None, limits=limits)

    assert [entry.title for entry in first.entries] == ["1", "20", "19"]  # the first one is pinned
    assert [entry.title for entry in last.entries] == ["18", "19", "20"]


@pytest.mark.parametrize(
    "document",
    [
        rss("<item><author>a@" + "a." * 32_000 + "</author></item>"),
        rss("<item><dc:creator>a@" + "a." * 32_000 + "</dc:creator></item>"),
        rss("<item><description>" + "&lt;!--" * 40_000 + "</description></item>"),
        rss("<item>" + "".join(f"<category>{n}</category>" for n in range(30_000)) + "</item>"),
        rss("<item><description><![CDATA[" + "<b>" * 100_000 + "]]></description></item>"),
        '<!DOCTYPE r [<!ENTITY a "'
        + "x" * 9999
        + '">]>'
        + rss("<item><title>" + "&a;" * 5000 + "</title></item>"),
        "<!--" * 50_000 + rss(""),
        rss("<item>" + "<![CDATA[" * 20_000 + "</item>"),
        "&" * 200_000 + rss(""),
        "<br/>Notice " + rss("<item><title>" + " " * 100_000 + "</title></item>"),
        "<link " * 50_000,
    ],
)
def test_hostile_documents_are_not_expensive(document: str) -> None:
    started = time.process_time()

    with suppress(NotAFeed):
        parse(document)

    assert time.process_time() - started < 3


@given(st.binary(max_size=400))
def test_any_bytes_give_a_feed_or_an_error_of_ours(data: bytes) -> None:
    for document in (data, b"<rss><channel><item>" + data + b"</item></channel></rss>"):
        with suppress(NotAFeed):
            assert all(entry.guid for entry in parse(document).entries)


@given(st.text(max_size=200))
def test_any_text_gives_a_feed_or_an_error_of_ours(text: str) -> None:
    for document in (
        f'{{"items": [{{"id": {text}}}]}}',
        rss(f"<item><title>{text}</title></item>"),
    ):
        with suppress(NotAFeed):
            assert all(entry.guid for entry in parse(document.encode("utf-8", "replace")).entries)


@pytest.mark.parametrize(
    "page",
    ["<html><body>{}</body></html>", '<?xml version="1.0"?>\n<!DOCTYPE html>\n<html><body>{}',
     "<br />\n<b>Warning</b>: x in /a.php on line <b>2</b><br />\n{}"],
)  # fmt: skip
def test_a_feed_inside_a_page_is_read(page: str) -> None:
    feed = parse(page.format(rss("<item><title>One</title></item>")))

    assert [entry.title for entry in feed.entries] == ["One"]


def test_a_json_item_without_an_address_is_at_its_id() -> None:
    document = (
        '{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "%s"}, {"id": "2"}]}'
    )

    feed = parse(document % "https://a.example/1")

    assert [entry.link for entry in feed.entries] == ["https://a.example/1", None]


def test_half_an_emoji_in_a_json_feed_is_left_out() -> None:
    item = r'{"id": "1\ud83d", "url": "/1\ud83d", "title": "Cut \ud83d", "summary": "\ud83d"}'
    feed = parse(r'{"title": "N\ud83d", "items": [' + item + "]}")

    assert (feed.title, feed.entries[0].guid, feed.entries[0].title) == ("N", "1", "Cut")
    assert feed.model_dump_json()


def test_json_with_commas_behind_the_last_is_read() -> None:
    text = '{"version": "x", "items": [{"id": "1", "title": "One, ] ,} two",}, ],}'

    assert [entry.title for entry in parse(text).entries] == ["One, ] ,} two"]


JSON = '{"version":"https://jsonfeed.org/version/1.1","items":[{"id":"1","title":"T"}]}'
RSS = "<rss version='2.0'><channel><item><guid>1</guid><title>T</title></item></channel></rss>"
WARNING = "<br />\n<b>Warning</b>: Undefined $x in <b>/x.php</b> on line <b>3</b><br />\n"


@pytest.mark.parametrize(
    "document",
    [
        WARNING + RSS,
        WARNING + JSON,
        RSS + "<script>var x = 1 && 2;</script>",
        f"<html><body>{RSS}</body></html>",
        f"<html><body><pre>{html.escape(RSS)}</pre></body></html>",
        html.escape(RSS),
        f"callback({JSON});",
        ")]}',\n" + JSON,
        JSON.replace("}]", "},]"),
        JSON.replace('"items"', '/* all */ "items"'),
        JSON + "\n<!-- cached -->",
    ],
)
def test_a_feed_is_found_in_what_is_around_it(document: str) -> None:
    feed = parse_feed(document.encode(), url="https://n.example/feed", content_type=None)

    assert [(entry.guid, entry.title) for entry in feed.entries] == [("1", "T")]
