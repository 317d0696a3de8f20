"""What an entry states comes out as its elements mean it: texts, links, people, pictures, files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.body.clean import clean_entry
from core.feeds.files import seconds
from core.feeds.parse import parse_feed
from core.feeds.texts import MEANINGS
from core.models import FeedEntry

NAMESPACES = {
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "media": "http://search.yahoo.com/mrss/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "googleplay": "http://www.google.com/schemas/play-podcasts/1.0",
    "yandex": "http://news.yandex.ru",
    "turbo": "http://turbo.yandex.ru",
    "rambler": "http://news.rambler.ru",
    "prism": "http://prismstandard.org/namespaces/basic/2.0/",
    "excerpt": "http://wordpress.org/export/1.2/excerpt/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "webfeeds": "http://webfeeds.org/rss/1.0",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "atom": "http://www.w3.org/2005/Atom",
}
_PREFIXES = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
FEED = "https://a.example/feeds/all.xml"
LONG = "The road over the pass was closed on Sunday after forty centimetres of snow fell."
SHORT = "Snow on the pass."


def rss(item: str, channel: str = "") -> FeedEntry:
    document = (
        f'<rss version="2.0" {_PREFIXES}><channel><title>N</title>{channel}'
        f"<item><guid>1</guid>{item}</item></channel></rss>"
    )
    return parse_feed(document.encode(), url=FEED, content_type=None).entries[0]


def atom(entry: str, feed: str = "") -> FeedEntry:
    document = (
        f'<feed xmlns="{NAMESPACES["atom"]}" {_PREFIXES}><title>N</title><id>n</id>{feed}'
        f"<entry><id>1</id>{entry}</entry></feed>"
    )
    return parse_feed(document.encode(), url=FEED, content_type=None).entries[0]


def item(**fields: Any) -> FeedEntry:
    document = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", **fields}]}
    return parse_feed(json.dumps(document).encode(), url=FEED, content_type=None).entries[0]


RSS_NAMES = [
    name
    for name in MEANINGS
    if not name.startswith("content_") and name not in ("atom:content", "atom:summary")
]


@pytest.mark.parametrize("name", [n for n in RSS_NAMES if MEANINGS[n].meaning != "caption"])
def test_every_text_of_the_table_is_the_body_where_it_is_alone(name: str) -> None:
    assert rss(f"<{name}>{LONG}</{name}>").content == LONG


@pytest.mark.parametrize("name", [n for n in RSS_NAMES if MEANINGS[n].may_be_body == "yes"])
def test_the_fullest_text_is_the_body(name: str) -> None:
    for stub in (
        SHORT,
        "&lt;p>&amp;nbsp;&lt;/p>",
        "&lt;img src='https://a.example/a-picture.jpg'>",
    ):
        for other in ("description", "content:encoded"):
            if other != name:
                assert rss(f"<{other}>{stub}</{other}><{name}>{LONG}</{name}>").content == LONG
                assert rss(f"<{name}>{LONG}</{name}><{other}>{stub}</{other}>").content == LONG


@pytest.mark.parametrize(
    "name", [n for n in RSS_NAMES if MEANINGS[n].meaning in ("teaser", "caption")]
)
def test_teasers_and_captions_are_no_body_however_long(name: str) -> None:
    picture = "<media:content url='https://a.example/1.jpg' medium='image'/>"

    entry = rss(f"<description>{SHORT}</description><{name}>{LONG * 3}</{name}>{picture}")

    assert entry.content == SHORT


@pytest.mark.parametrize(
    ("files", "body"),
    [
        ("<media:content url='/1.jpg' medium='image'/>", ""),
        ("<media:thumbnail url='/1.jpg'/>", ""),
        ("<media:content url='/1.mp4' type='video/mp4'/>", LONG),
        ("<media:content url='/v/1' type='application/x-shockwave-flash'/>", LONG),
        ("<media:content url='/1' medium='video'/>", LONG),
        ("<enclosure url='/1.mp3' type='audio/mpeg' length='1'/>", LONG),
    ],
)
def test_a_file_s_description_is_the_body_of_a_film_alone(files: str, body: str) -> None:
    entry = rss(f"<media:group>{files}<media:description>{LONG}</media:description></media:group>")

    assert entry.content == body


def test_a_text_of_the_channel_is_no_text_of_an_entry() -> None:
    channel = f"<description>{LONG}</description><itunes:summary>{LONG * 2}</itunes:summary>"

    entry = rss(
        f"<itunes:summary>{LONG * 2}</itunes:summary><description>{SHORT}</description>", channel
    )

    assert (entry.content, entry.summary) == (SHORT, "")


def test_another_text_stays_as_summary() -> None:
    both = f"<description>{SHORT}</description><content:encoded>{LONG}</content:encoded>"

    assert (rss(both).content, rss(both).summary) == (LONG, SHORT)
    assert item(content_html=LONG, summary=SHORT).summary == SHORT
    assert item(content_html="<p>Read on our site</p>", content_text=LONG).content == LONG
    assert item(content_html=f"<p>{LONG}</p>", content_text=LONG).content_type == "html"


def test_a_content_that_is_no_text_is_no_body() -> None:
    outside = '<content type="application/pdf" src="/1.pdf"/><summary>In short.</summary>'
    picture = '<content type="image/png">iVBORw0KGgo=</content><summary>In short.</summary>'

    assert atom(outside).content == atom(picture).content == "In short."


@pytest.mark.parametrize(
    ("uri", "element"),
    [
        ("http://purl.org/rss/1.0/modules/content/", "encoded"),
        ("http://purl.org/dc/elements/1.1/", "description"),
        ("http://purl.org/rss/1.0/", "description"),
        ("http://backend.userland.com/rss2", "description"),
        ("http://www.itunes.com/dtds/podcast-1.0.dtd", "summary"),
        ("http://www.w3.org/2005/Atom", "content"),
        ("http://purl.org/atom/ns#", "summary"),
        ("http://www.w3.org/1999/xhtml", "body"),
    ],
)
def test_an_element_means_the_same_under_any_prefix(uri: str, element: str) -> None:
    assert rss(f"<ns0:{element} xmlns:ns0='{uri}'>The text.</ns0:{element}>").content == "The text."


@pytest.mark.parametrize("fault", ["R&D & more", "&unknown; word", "<podlove:x>1</podlove:x>"])
def test_a_document_with_a_common_fault_is_read_by_its_elements(fault: str) -> None:
    entry = rss(
        f"<category>{fault}</category><dc:creator>Ann A</dc:creator><dc:creator>Bob B</dc:creator>"
        f"<description>{LONG}</description><media:content url='/1.jpg' medium='image'>"
        "<media:description>A bridge</media:description></media:content>"
    )

    assert (entry.author, entry.content) == ("Ann A, Bob B", LONG)
    assert entry.image == "https://a.example/1.jpg"


def test_a_document_with_unclosed_elements_is_read_as_feedparser_reads_it() -> None:
    entry = rss(
        f"<link>https://a.example/1</link><description>{LONG}<br></description><author>Ann A"
        "</author><enclosure url='/1.mp3' type='audio/mpeg' length='5'/>"
    )

    assert (entry.author, entry.link) == ("Ann A", "https://a.example/1")
    assert LONG in entry.content
    assert [(file.type, file.length) for file in entry.enclosures] == [("audio/mpeg", 5)]


def test_text_in_base64_is_read() -> None:
    entry = atom("<content type='application/octet-stream'>PHA+SGVsbG88L3A+</content>")

    assert entry.content == "<p>Hello</p>"


@pytest.mark.parametrize(
    ("links", "address"),
    [
        ("<link>https://a.example/1</link><link>https://a.example/2</link>", "https://a.example/1"),
        ("<link>http:/a.example/1</link>", "http://a.example/1"),
        ("<link>https//a.example/1</link>", "https://a.example/1"),
        ("<link>&lt;a href='https://a.example/1'>x&lt;/a></link>", "https://a.example/1"),
        ("<link>\n https://a.example/1 \n</link>", "https://a.example/1"),
        ("<enclosure url='/1.jpg' type='image/jpeg'/>", None),
        ("<link/><link>https://a.example/2</link>", "https://a.example/2"),
        ("<link>www.a.example/1</link>", "https://www.a.example/1"),
        ("<link>\u200b'https://a.example/1'</link>", "https://a.example/1"),
        ("<link>#</link><guid>https://a.example/1</guid>", "https://a.example/1"),
        ("<link>a.example/1?x=2</link>", "https://a.example/1?x=2"),
        ("<link>//b.example/1</link>", "https://b.example/1"),
        ("<link>https://a.example/?a=1&amp;amp;b=2</link>", "https://a.example/?a=1&b=2"),
        ("<link>1.html</link>", "https://a.example/feeds/1.html"),
        ("<link>http://b.example/x</link><feedburner:origLink>https://a.example/1"
         "</feedburner:origLink>", "https://a.example/1"),
        ("<link>https://news.example/url?ct=ga&amp;url=https://a.example/1&amp;usg=x</link>",
         "https://a.example/1"),
        ("<link href='https://a.example/1'/>", "https://a.example/1"),
        ("<atom:link rel='alternate' href='https://a.example/1'/>", "https://a.example/1"),
        ("<atom:link rel='self' href='https://a.example/x'/><link>https://a.example/1</link>",
         "https://a.example/1"),
        ("<guid>https://a.example/1</guid>", "https://a.example/1"),
        ("<guid isPermaLink='false'>https://a.example/1</guid>", None),
        ("<enclosure url='https://a.example/1.mp3' type='audio/mpeg'/>", "https://a.example/1.mp3"),
        ("<media:content url='https://a.example/1.mp4' type='video/mp4'/>", "https://a.example/1.mp4"),
        ("<enclosure url='/1.mp3'/><atom:id>https://a.example/x</atom:id>", "https://a.example/1.mp3"),
        ("<enclosure url='/1.mp3'/><link>https://a.example/1</link>", "https://a.example/1"),
        ("", None),
    ],
)  # fmt: skip
def test_an_rss_item_leads_to_its_page(links: str, address: str | None) -> None:
    document = f'<rss version="2.0" {_PREFIXES}><channel><title>N</title><item>{links}</item>'
    document += "<item><title>Other</title></item></channel></rss>"

    entry = parse_feed(document.encode(), url=FEED, content_type=None).entries[0]

    assert entry.link == address


@pytest.mark.parametrize(
    ("links", "address"),
    [
        ("<link rel='alternate' hreflang='en' href='/en'/><link hreflang='fr' href='/fr'/>", "/en"),
        ("<link hreflang='fr' href='/fr'/><link hreflang='de-AT' href='/de'/>", "/de"),
        ("<link type='application/json' href='/1.json'/><link type='text/html' href='/1'/>", "/1"),
        ("<link rel='http://www.iana.org/assignments/relation/alternate' href='/1'/>", "/1"),
        ("<link rel='http://www.iana.org/assignments/relation/self' href='/1'/>", "/1"),
        ("<link rel='self' href='/s'/><link rel='edit' href='/e'/>", "/s"),
        ("<link rel='edit' href='/e'/><link rel='replies' href='/r'/>", None),
        ("<link rel='enclosure' href='/1.mp3' type='audio/mpeg'/>", "/1.mp3"),
        ("<link>/1</link>", "/1"),
        ("<link rel='alternate' href=''/><link rel='self' href='/1'/>", "/1"),
        ("<link rel='via' href='https://b.example/x'/><link href='/1'/>", "/1"),
        ("<link rel='bookmark alternate' href='/1'/>", "/1"),
    ],
)
def test_an_atom_entry_leads_to_its_alternate(links: str, address: str | None) -> None:
    entry = atom(f"<title xml:lang='de'>T</title>{links}" if "de-AT" in links else links)

    assert entry.link == (f"https://a.example{address}" if address else None)


@pytest.mark.parametrize(
    ("people", "author"),
    [
        ("<dc:creator>Ann A</dc:creator><dc:creator>Bob B</dc:creator>", "Ann A, Bob B"),
        ("<dc:creator>Ann A</dc:creator><dc:creator>ann a</dc:creator>", "Ann A"),
        ("<author>a@a.example (Ann A)</author>", "Ann A"),
        ("<author>Ann A &lt;a@a.example></author>", "Ann A"),
        ("<author>Ann A (Reuters)</author>", "Ann A (Reuters)"),
        ("<dc:creator>李言（台北）</dc:creator>", "李言（台北）"),
        ("<itunes:author>The Host</itunes:author><author>x@a.example (Ann A)</author>", "Ann A"),
        ("<itunes:author>The Host</itunes:author>", "The Host"),
        ("<author>Ann A</author><author>Bob B</author>", "Ann A, Bob B"),
        ("<author><name>Ann A</name></author>", "Ann A"),
        ("<dc:creator>By Ann A</dc:creator>", "Ann A"),
        ("<dc:creator>\n  Ann   A </dc:creator>", "Ann A"),
        ("<dc:creator>&lt;a href='https://a.example/ann'>Ann A&lt;/a></dc:creator>", "Ann A"),
        ("<dc:creator/><author>x@a.example (Ann A)</author>", "Ann A"),
        ("<author>(author unknown)</author>", None),
        ("<podcast:person>Ann A</podcast:person><podcast:person>Bob B</podcast:person>",
         "Ann A, Bob B"),
        ("<atom:author><atom:name>Ann A</atom:name></atom:author>", "Ann A"),
        ("<media:content url='/1.jpg'><media:credit>Agency</media:credit></media:content>", None),
    ],
)  # fmt: skip
def test_all_authors_are_named(people: str, author: str | None) -> None:
    entry = rss(people)

    assert entry.author == author
    assert clean_entry(entry).article.author == author


def test_the_authors_of_an_atom_feed_are_those_of_entries_that_name_none() -> None:
    feed = "<author><name>Ann A</name></author><author><name>Bob B</name></author>"

    assert atom("", feed).author == "Ann A, Bob B"
    assert atom("<author><name>Cem C</name><uri>/c</uri></author>", feed).author == "Cem C"


@pytest.mark.parametrize(
    ("pictures", "address"),
    [
        ("<media:content width='140' url='/140.jpg'/><media:content width='460' url='/460.jpg'/>",
         "/460.jpg"),
        ("<media:group><media:content url='/s' medium='image' width='90'/>"
         "<media:content url='/l' medium='image' width='900'/></media:group>", "/l"),
        ("<media:content url='/1' medium='image'/><media:content url='/2' medium='image'/>", "/1"),
        ("<media:thumbnail url='/t.jpg' width='900'/><media:content url='/c.jpg'/>", "/c.jpg"),
        ("<media:thumbnail url='/t.jpg' width='75'/><media:thumbnail url='/u.jpg' width='150'/>",
         "/u.jpg"),
        ("<media:content url='/1.mp4' type='video/mp4'><media:thumbnail url='/t.jpg'/>"
         "</media:content>", "/t.jpg"),
        ("<media:content height='9' url='/9.jpg'/><media:content height='900' url='/900.jpg'/>",
         "/900.jpg"),
        ("<media:thumbnail url='https://avatars.n.example/u/1?s=60'/>", None),
        ("<enclosure url='/1.JPG?a=1&amp;amp;b=2' length='0'/>", "/1.JPG?a=1&b=2"),
        ("<enclosure url='/1.JPG' length='0'/>", "/1.JPG"),
        ("<enclosure url='/x' type='image' length='0'/>", "/x"),
        ("<enclosure url='/x.webp?w=9' type='application/octet-stream'/>", "/x.webp?w=9"),
        ("<image>https://a.example/x.jpg</image>", "/x.jpg"),
        ("<image><url>/x.jpg</url><title>X</title></image>", "/x.jpg"),
        ("<itunes:image href='/i.png'/>", "/i.png"),
        ("<thumbnail url='/t.jpg'/>", "/t.jpg"),
        ("<post-thumbnail><url>/p.jpg</url></post-thumbnail>", "/p.jpg"),
        ("<webfeeds:featuredImage url='/f.png'/>", "/f.png"),
        ("<media:content url='https://1.gravatar.com/avatar/1?s=96' medium='image'/>"
         "<media:content url='/1.jpg' medium='image'/>", "/1.jpg"),
        ("<media:content url='/img/avatar_small.png' medium='image'/>", None),
        ("<media:thumbnail url='https://s.w.org/images/core/emoji/1f600.png'/>", None),
        ("<enclosure url='/assets/site-logo.png' type='image/png'/>", None),
        ("<media:content url='/img/logo_200x200.png' medium='image'/>", None),
        ("<media:content url='/2026/nokia-logo.jpg' medium='image'/>", "/2026/nokia-logo.jpg"),
        ("<itunes:image href='/shows/logo.jpg'/>", "/shows/logo.jpg"),
        ("<podcast:image href='/shows/logo.jpg'/>", "/shows/logo.jpg"),
        ("<media:content url='/count' medium='image' width='1'/>", None),
        ("<enclosure url='/1.mp3' type='audio/mpeg'/>", None),
    ],
)  # fmt: skip
def test_the_largest_picture_of_its_own_stands_for_an_entry(
    pictures: str, address: str | None
) -> None:
    assert rss(pictures).image == (f"https://a.example{address}" if address else None)


def test_a_picture_keeps_what_is_said_of_it() -> None:
    largest = "<media:content url='/2.jpg' medium='image' width='900'>%s</media:content>"
    words = "<media:title>File 7</media:title><media:description>The weir.</media:description>"
    smaller = f"<media:content url='/1.jpg' medium='image' width='90'>{words}</media:content>"

    assert rss(largest % words).image_alt == "The weir."
    assert rss(largest % "" + smaller).image_alt is None


def test_every_file_is_kept_with_what_is_said_of_it() -> None:
    entry = rss(
        "<enclosure url='/1.pdf' length='1,009'/>"
        "<enclosure url='/1.mp3' type='audio/mpeg' length='5'/>"
        "<media:content url='/1.mp3' duration='61'/><media:content url='/1.mp4' fileSize='7'/>"
        "<atom:link rel='enclosure' href='/2.ogg' length='3'/>"
        "<itunes:duration>1:02:03</itunes:duration>"
        "<podcast:transcript url='/1.vtt' type='text/vtt' language='en'/>"
        "<podcast:chapters url='/1.json' type='application/json+chapters'/>"
    )

    assert [(f.url.rpartition("/")[2], f.type, f.length, f.duration) for f in entry.enclosures] == [
        ("1.pdf", "application/pdf", 1009, None),
        ("1.mp3", "audio/mpeg", 5, 3723),
        ("2.ogg", "audio/ogg", 3, 3723),
        ("1.mp4", "video/mp4", 7, 3723),
        ("1.vtt", "text/vtt", None, None),
        ("1.json", "application/json+chapters", None, None),
    ]
    assert [f.role for f in entry.enclosures[-2:]] == ["transcript", "chapters"]
    assert entry.enclosures[-2].language == "en"


@pytest.mark.parametrize(
    "stated", ["3723", "3723.5", "62:03", "1:02:03", "PT1H2M3S", "1h 2 min 3s"]
)
def test_a_duration_is_read_in_every_form(stated: str) -> None:
    assert seconds(stated) == 3723


@pytest.mark.parametrize(
    ("make", "stated", "title"),
    [
        (rss, "<title>The &lt;details> element</title>", "The <details> element"),
        (rss, "<title><![CDATA[Why <article> beats <div>]]></title>", "Why <article> beats <div>"),
        (rss, "<title>&lt;b>New:&lt;/b> AT&amp;amp;T</title>", "New: AT&T"),
        (rss, "<title>If a&lt;b and b&gt;c</title>", "If a<b and b>c"),
        (rss, "<title>One&lt;br/>two</title>", "One two"),
        (rss, "<itunes:title>Only for podcasts</itunes:title>", "Only for podcasts"),
        (rss, "<title>12: Lamps</title><itunes:title>Lamps</itunes:title>", "12: Lamps"),
        (rss, "<media:content url='/1.jpg'><media:title>of the picture</media:title>"
         "</media:content><title>T</title>", "T"),
        (atom, "<title type='html'>A &amp;lt;b&amp;gt; tag &amp;amp; x</title>", "A <b> tag & x"),
        (atom, "<title type='html'>&lt;em>Le&lt;/em> caf&amp;eacute;</title>", "Le café"),
        (atom, "<title type='text'>The &lt;i> element works</title>", "The <i> element works"),
        (atom, "<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>A <b>bold</b> &lt;p> "
         "one</div></title>", "A bold <p> one"),
    ],
)  # fmt: skip
def test_a_title_keeps_the_brackets_that_it_shows(make: Any, stated: str, title: str) -> None:
    assert clean_entry(make(stated)).article.title == title


@pytest.mark.parametrize(
    ("make", "stated", "author"),
    [
        (rss, "<author>Ann Lee (ann@a.example)</author>", "Ann Lee"),
        (rss, "<dc:creator>Ann Lee (Reuters)</dc:creator>", "Ann Lee (Reuters)"),
        (atom, "<source><title>S</title><author><name>Ann</name></author></source>", "Ann"),
        (atom, "<author><name>Bob</name></author><source><author><name>Ann</name></author>"
         "</source>", "Bob"),
    ],
)  # fmt: skip
def test_an_author_is_named_without_the_address_beside(make: Any, stated: str, author: str) -> None:
    assert make(f"<title>T</title>{stated}").author == author


@pytest.mark.parametrize(
    ("stated", "page"),
    [
        ("<comments>https://b.example/item?id=7</comments>", "https://b.example/item?id=7"),
        ("<comments>https://a.example/1#comments</comments>", None),  # the link leads there
        ("<comments>12</comments>", None),
        ("<atom:link rel='replies' type='application/atom+xml' href='/feed'/>"
         "<atom:link rel='replies' href='/1/replies'/>", "https://a.example/1/replies"),
    ],
)  # fmt: skip
def test_the_page_of_a_discussion_is_kept_if_it_is_another(stated: str, page: str | None) -> None:
    assert rss(f"<link>https://a.example/1</link>{stated}").comments == page
