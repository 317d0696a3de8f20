"""Entries that come out otherwise because they are read better are no news."""

from __future__ import annotations

from core.feeds.parse import parse_feed
from core.feeds.unchanged import listed, only_decoded_otherwise
from core.ids import content_digest, entry_digest, guid_digest
from core.models import FeedEntry

TEXT = "The road over the pass was closed on Sunday after forty centimetres of snow fell."


def feed(item: str, declared: str = "utf-8") -> FeedEntry:
    document = (
        f'<?xml version="1.0" encoding="{declared}"?><rss xmlns:media="http://search.yahoo.com/mrss/">'
        f"<channel><title>N</title><item>{item}</item><item><title>Other</title></item></channel></rss>"
    )
    data = document.encode(declared)
    return parse_feed(data, url="https://a.example/feed", content_type=None).entries[0]


def test_an_entry_whose_caption_was_its_body_has_not_changed() -> None:
    entry = feed(
        f"<guid>1</guid><title>T</title><link>https://a.example/1</link><description>{TEXT}"
        "</description><media:content url='/1.jpg'><media:description>A bridge</media:description>"
        "</media:content>"
    )
    before = content_digest("T", "https://a.example/1", "A bridge", TEXT, None)

    assert entry.content == TEXT
    assert not listed([entry], {guid_digest("1"): before})[0].is_changed
    assert listed([entry], {guid_digest("1"): content_digest("other")})[0].is_changed


def test_an_entry_without_guid_keeps_the_name_that_its_former_link_gave() -> None:
    entry = feed("<title>T</title><link>https://a.example/1</link><link>https://a.example/2</link>")

    assert (entry.guid, entry.link) == ("https://a.example/2", "https://a.example/1")


def test_an_entry_that_was_decoded_wrongly_has_not_changed() -> None:
    title = "Regeringen antar ny vattenlag på tisdag"
    now = feed(
        f"<guid>1</guid><title>{title}</title><description>{TEXT} Åäö.</description>", "latin-1"
    )
    wrong = title.encode("latin-1").decode("cp1251")
    body = f"{TEXT} Åäö.".encode("latin-1").decode("cp1251")
    before = FeedEntry(guid="1", position=0, title=wrong, content=body)
    edited = before.model_copy(update={"content": body.replace("Sunday", "Monday")})

    assert now.title == title
    assert only_decoded_otherwise(before, now, entry_digest(before))
    assert not only_decoded_otherwise(edited, now, entry_digest(edited))
    assert not only_decoded_otherwise(before, now, b"seen later")
    assert not only_decoded_otherwise(now, now, entry_digest(now))
