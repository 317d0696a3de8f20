"""The same stories as RSS, Atom and JSON Feed, read back by parsers that are not ours."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import feedparser
import pytest
from lxml import etree, html

from core.models import Article, Decision, Enclosure, Member, Story
from core.render.formats import (
    atom_document,
    atom_entry,
    json_document,
    json_item,
    rss_document,
    rss_item,
)
from core.render.items import FeedHead, feed_item, published_at, without_body
from core.render.safe import language_tag, web_address
from core.text import without_illegal_xml

SEEN = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
HEAD = FeedHead(
    id="urn:millrace:feed",
    title="Morning <river> & more",
    description="Every story once",
    home="https://news.example.org/",
    self_url="https://news.example.org/feed.xml?limit=5&q=a",
    updated=SEEN,
    language="zh",
    hubs=("https://news.example.org/hub",),
    links=(("next", "https://news.example.org/feed.xml?page=2"),),
    stylesheet="feed.xsl",
)


def member(number: int, source: str, **fields: object) -> Member:
    given: dict[str, object] = {
        "id": f"urn:millrace:{number:032x}",
        "source": source,
        "url": f"https://{source}.example/{number}",
        "title": f"Copy {number}",
        "first_seen": SEEN,
        "decision": Decision.PUBLISHED,
        "rule": "founder",
    }
    return Member.model_validate(given | fields)


def story(**fields: object) -> Story:
    founder = member(1, "first")
    repost = member(2, "second", decision=Decision.MERGED, rule="near", similarity=0.91234)
    article = Article(
        title="河流 & <b>bold</b>\x0b",
        author="Zhang <San>",
        published="2026-01-31T15:00:00+08:00",
        original_url="https://original.example/a?b=1&c=2",
        link="https://first.example/1",
        lead_image="https://img.example/图 1.jpg",
        language="zh-Hans",
        html="<p>Body ]]> of the &amp; story\ufffe</p>",
        text="Body of the story",
        categories=("world", "a & b"),
        enclosures=(Enclosure(url="https://a.example/x.mp3", length=12),),
    )
    given: dict[str, object] = {
        "id": founder.id,
        "first_seen": SEEN,
        "arrived": SEEN,
        "order": 0,
        "updated": SEEN,
        "version": 1,
        "representative": founder.id,
        "members": (founder, repost),
        "article": article,
    }
    return Story.model_validate(given | fields)


def rss(*stories: Story) -> bytes:
    return rss_document(HEAD, [rss_item(feed_item(each)) for each in stories])


def atom(*stories: Story) -> bytes:
    return atom_document(HEAD, [atom_entry(feed_item(each)) for each in stories])


def json_feed(*stories: Story) -> dict[str, object]:
    return json.loads(json_document(HEAD, [json_item(feed_item(each)) for each in stories]))


def test_all_formats_carry_the_same_id_title_and_link() -> None:
    read = [feedparser.parse(document).entries[0] for document in (rss(story()), atom(story()))]
    item = json_feed(story())["items"][0]

    assert {entry.id for entry in read} == {item["id"]} == {story().id}
    assert {entry.title for entry in read} == {"河流 & bold"} or item["title"].startswith("河流 &")
    assert {entry.link for entry in read} == {item["url"]} == {"https://original.example/a?b=1&c=2"}


@pytest.mark.parametrize("document", [rss, atom])
def test_xml_formats_are_well_formed_whatever_the_text_holds(document) -> None:
    hostile = story().model_copy(
        update={"article": story().article.model_copy(update={"html": "<p>\x00]]>]]>\ud800</p>"})}
    )

    assert etree.fromstring(document(hostile)) is not None


def test_the_body_survives_a_cdata_end_inside_it() -> None:
    entry = feedparser.parse(rss(story()), sanitize_html=False).entries[0]

    assert entry.content[0].value == "<p>Body ]]> of the &amp; story</p>"


def test_a_summary_that_speaks_of_markup_is_text_to_readers_of_rss() -> None:
    spoken = "Write <script>alert(1)</script> & be &lt;warned&gt;"
    quoting = story().model_copy(
        update={"article": story().article.model_copy(update={"text": spoken})}
    )

    description = etree.fromstring(rss(quoting)).findtext("channel/item/description")

    assert description is not None
    assert html.fromstring(description).text_content() == spoken


def test_rss_guid_is_no_permalink() -> None:
    guid = etree.fromstring(rss(story())).find("channel/item/guid")

    assert guid is not None
    assert guid.get("isPermaLink") == "false"
    assert guid.text == story().id


@pytest.mark.parametrize("document", [rss, atom])
def test_all_members_are_related_links_the_shown_one_first(document) -> None:
    related = etree.fromstring(document(story())).findall(
        ".//{http://www.w3.org/2005/Atom}link[@rel='related']"
    )

    assert [link.get("href") for link in related] == [
        "https://first.example/1",
        "https://second.example/2",
    ]


def test_json_feed_names_all_members_the_representative_first() -> None:
    shown_second = story(representative=f"urn:millrace:{2:032x}")

    provenance = json_feed(shown_second)["items"][0]["_millrace"]

    assert [source["name"] for source in provenance["sources"]] == ["second", "first"]
    assert provenance["sources"][0]["similarity"] == 1
    assert set(provenance["sources"][0]) == {"name", "url", "title", "first_seen", "similarity"}
    assert provenance["story"] == story().id
    assert provenance["original_url"] == "https://original.example/a?b=1&c=2"
    assert provenance["method"] == "feed"


def test_a_source_that_wants_its_own_links_gets_them() -> None:
    assert feed_item(story(), link_to_source={"first"}).url == "https://first.example/1"


def test_a_summary_only_feed_holds_no_body() -> None:
    item = without_body(feed_item(story()))

    assert "content:encoded" not in rss_item(item)
    assert "<content" not in atom_entry(item)
    assert json.loads(json_item(item))["content_text"] == "Body of the story"


def test_addresses_are_ascii_and_never_carry_a_foreign_scheme() -> None:
    article = story().article.model_copy(
        update={"link": "javascript:alert(1)", "original_url": "data:text/html,x"}
    )
    item = feed_item(story(article=article))

    assert item.url == "https://first.example/1"  # the member's own
    assert item.image == "https://img.example/%E5%9B%BE%201.jpg"


def test_a_lead_picture_outside_of_the_body_says_what_it_shows() -> None:
    article = story().article.model_copy(update={"lead_alt": "The <weir> & the mill"})
    told = story(article=article)
    media = feedparser.parse(rss(told)).entries[0]

    assert media.media_content == [
        {"url": "https://img.example/%E5%9B%BE%201.jpg", "medium": "image"}
    ]
    assert media.media_thumbnail[0]["url"] == media.media_content[0]["url"]
    for document in (rss(told), atom(told)):
        shown = etree.fromstring(document).find(".//{*}description[@type='plain']")
        assert shown is not None
        assert shown.text == "The <weir> & the mill"
    assert json_feed(told)["items"][0]["_millrace"]["image_alt"] == "The <weir> & the mill"
    assert b"media:content" not in rss(story())
    assert "image_alt" not in json_feed(story())["items"][0]["_millrace"]


def test_the_page_of_a_discussion_is_named_in_all_formats() -> None:
    page = "https://talk.example/1"
    told = story(article=story().article.model_copy(update={"comments": page}))

    assert feedparser.parse(rss(told)).entries[0].comments == page
    links = feedparser.parse(atom(told)).entries[0].links
    assert [link.href for link in links if link.rel == "replies"] == [page]
    assert json_feed(told)["items"][0]["_millrace"]["comments"] == page


def test_a_future_date_is_held_to_the_moment_it_was_seen() -> None:
    article = Article(published="2027-01-01T00:00:00Z")

    assert published_at(article, SEEN) == SEEN


def test_a_day_without_an_hour_keeps_its_day() -> None:
    assert published_at(Article(published="2022-12-02"), SEEN).date().isoformat() == "2022-12-02"


def test_a_story_without_a_title_is_called_by_its_first_words() -> None:
    article = story().article.model_copy(update={"title": None})

    assert feed_item(story(article=article)).title == "Body of the story"


def test_a_feed_of_nothing_is_still_a_feed() -> None:
    assert etree.fromstring(rss()).find("channel/title") is not None
    assert etree.fromstring(atom()).find("{http://www.w3.org/2005/Atom}updated") is not None
    assert json_feed()["items"] == []


def test_the_footer_names_the_other_copies_when_asked() -> None:
    html = str(feed_item(story(), footer="Also at:").html)

    assert html.endswith('<p>Also at: <a href="https://second.example/2">second</a></p>')
    assert "https://second.example/2" not in str(feed_item(story()).html)


def test_an_entry_without_link_and_body_still_has_content_in_atom() -> None:
    bare = story(members=(member(1, "first", url=None),), article=Article(title="Only a title"))

    entry = etree.fromstring(atom(bare)).find("{http://www.w3.org/2005/Atom}entry")

    assert entry is not None
    assert entry.findtext("{http://www.w3.org/2005/Atom}content") == "Only a title"


@pytest.mark.parametrize(
    ("stated", "published"),
    [
        ("https://a.example/a[1]?f[a]=1#x[2]", "https://a.example/a%5B1%5D?f%5Ba%5D=1#x%5B2%5D"),
        ("https://a.example?q=1", "https://a.example/?q=1"),
        ("http://[2606:4700::1111]/a", "http://[2606:4700::1111]/a"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://a_b.example/x%2fy", "https://a_b.example/x%2Fy"),
        ("http://www.%3cscript%3ealert(1)%3c/x", None),
        ("http://www.<script>alert(1)</script .com", None),
        ("http://a,b.example/", None),
        ("javascript://a.example/%0aalert(1)", None),
    ],
)
def test_what_is_published_as_an_address_is_one(stated: str, published: str | None) -> None:
    assert web_address(stated) == published


def test_an_attachment_that_is_no_enclosure_by_the_profile_is_still_there() -> None:
    inner, outer = "http://media/x.mp3", "https://a.example/y.mp3"
    attached = story().article.model_copy(
        update={"enclosures": (Enclosure(url=inner), Enclosure(url=outer))}
    )

    item = etree.fromstring(rss(story(article=attached))).find("channel/item")

    assert item is not None
    assert [e.get("url") for e in item.iter("enclosure")] == [outer]
    assert [e.get("url") for e in item.iter("{http://search.yahoo.com/mrss/}content")] == [inner]


def test_what_is_heard_comes_before_documents_with_all_that_is_said_of_it() -> None:
    files = (
        Enclosure(url="https://a.example/1.pdf", length=7),
        Enclosure(url="https://a.example/1.mp3", length=5, duration=61),
        Enclosure(url="https://a.example/1.vtt", type="text/vtt", role="transcript", language="en"),
    )
    made = story(article=story().article.model_copy(update={"enclosures": files}))

    item = etree.fromstring(rss(made)).find("channel/item")
    attachments = json_feed(made)["items"][0]["attachments"]

    assert item is not None
    transcript = item.find("{https://podcastindex.org/namespace/1.0}transcript")
    assert [e.get("url") for e in item.iter("enclosure")] == ["https://a.example/1.mp3"]
    assert item.findtext("{http://www.itunes.com/dtds/podcast-1.0.dtd}duration") == "61"
    assert transcript is not None
    assert dict(transcript.attrib) == {
        "url": "https://a.example/1.vtt", "type": "text/vtt", "language": "en"
    }  # fmt: skip
    assert [each["url"][-3:] for each in attachments] == ["mp3", "pdf", "vtt"]
    assert attachments[0]["duration_in_seconds"] == 61
    assert b"1.vtt" not in atom(made)


@pytest.mark.parametrize("bare", [{"html": "", "text": ""}, {"html": ""}])
def test_a_json_item_without_a_body_carries_a_text(bare: dict[str, str]) -> None:
    made = story(article=story().article.model_copy(update=bare))

    item = json_feed(made)["items"][0]

    assert "content_html" not in item
    assert item["content_text"] == (item.get("summary") or item["title"])


@pytest.mark.parametrize(
    ("stated", "published"),
    [
        ("zh_Hans", "zh-Hans"),
        ("EN", "EN"),
        ("abc", None),
        ("xx", None),
        ("x'>", None),
        (None, None),
    ],
)
def test_only_languages_that_exist_are_published(stated: str, published: str | None) -> None:
    assert language_tag(stated) == published


def test_controls_that_mean_nothing_are_left_out() -> None:
    assert without_illegal_xml("a\x7fb\x80c\x85d\x9fe\x0bf") == "abc\x85def"


PAPERS = {"first": ("早报", "https://user:pw@first.example/feed")}
ATOM = "{http://www.w3.org/2005/Atom}"


def test_each_format_names_the_source_of_the_shown_copy() -> None:
    item = feed_item(story(), sources=PAPERS)

    source = etree.fromstring(rss_document(HEAD, [rss_item(item)])).find("channel/item/source")
    assert source is not None
    assert (source.text, source.get("url")) == ("早报", "https://first.example/feed")
    named = etree.fromstring(atom_document(HEAD, [atom_entry(item)])).find(f".//{ATOM}source")
    assert named is not None
    assert named.findtext(f"{ATOM}id") == "urn:millrace:source:first"
    assert named.findtext(f"{ATOM}title") == "早报"
    assert json.loads(json_item(item))["_millrace"]["source"] == "早报"


def test_a_source_without_a_title_is_called_as_its_feed_calls_itself() -> None:
    stated = story(members=(member(1, "first", source_title="First Post"),))

    assert feed_item(stated).source.title == "First Post"
    assert feed_item(story()).source.title == "first"


def test_all_authors_are_named_apart() -> None:
    both = story().article.model_copy(
        update={"author": "Ann A, Bob B", "authors": ("Ann A", "Bob B")}
    )
    item = feed_item(story(article=both))

    assert [a["name"] for a in json.loads(json_item(item))["authors"]] == ["Ann A", "Bob B"]
    entry = etree.fromstring(atom_document(HEAD, [atom_entry(item)])).find(f"{ATOM}entry")
    assert entry is not None
    assert [a.findtext(f"{ATOM}name") for a in entry.findall(f"{ATOM}author")] == ["Ann A", "Bob B"]


def test_our_tags_have_a_scheme_of_their_own() -> None:
    item = feed_item(story(members=(member(1, "first", tags=("zh",)), member(2, "second"))))

    categories = etree.fromstring(rss_document(HEAD, [rss_item(item)])).findall(
        "channel/item/category"
    )
    assert [(c.text, c.get("domain")) for c in categories] == [
        ("world", None),
        ("a & b", None),
        ("zh", "urn:millrace:tags"),
    ]
    assert json.loads(json_item(item))["_millrace"]["tags"] == ["zh"]


def test_the_paper_is_named_in_the_text_on_request() -> None:
    titled = feed_item(story(), sources=PAPERS, show_source="title")
    footed = feed_item(story(), sources=PAPERS, show_source="footer")

    assert titled.title.startswith("早报: ")
    assert footed.html is not None
    assert footed.html.endswith("<p>早报</p>")


@pytest.mark.parametrize(
    ("document", "item"),
    [(rss_document, "x" * 10_000), (atom_document, "x" * 10_000), (json_document, b"x" * 10_000)],
)
def test_a_long_document_takes_the_memory_of_its_bytes_alone(
    document: Callable[[FeedHead, Any], bytes], item: str | bytes
) -> None:
    """Joined as text, twenty megabytes with one emoji took a hundred more."""
    end = "😀" if isinstance(item, str) else b"."
    tracemalloc.start()
    body = document(HEAD, (item + end for _ in range(500)))  # type: ignore[operator]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(body) > 5_000_000
    assert peak < 1.5 * len(body)
