"""OPML of other readers becomes subscriptions; hostile files do no harm."""

from __future__ import annotations

import pytest

from core.config.edits import NewSource, with_sources
from core.config.file import load_settings
from core.config.opml import opml_document, read_opml
from core.config.settings import Source
from core.errors import DocumentError


def opml(body: str) -> bytes:
    return f'<?xml version="1.0"?><opml version="1.0"><body>{body}</body></opml>'.encode()


def test_nested_folders_become_tags() -> None:
    taken = read_opml(
        opml(
            '<outline text="News"><outline text="Far East">'
            '<outline type="rss" text="A" xmlUrl="https://a.example/rss"/></outline>'
            '<outline type="rss" text="B" xmlUrl="https://b.example/rss"/></outline>'
            '<outline title="C" xmlUrl="https://c.example/rss" category="/Tech/Web,big"/>'
        )
    )

    assert [(each.title, each.tags) for each in taken.found] == [
        ("A", ("news", "far-east")),
        ("B", ("news",)),
        ("C", ("web", "big")),
    ]


def test_what_is_no_address_is_named_and_left_out() -> None:
    taken = read_opml(
        opml('<outline text="X" xmlUrl="javascript:alert(1)"/><outline text="Y" xmlUrl="nope"/>')
    )

    assert taken.found == ()
    assert [line.partition(":")[0] for line in taken.unusable] == ["X", "Y"]


def test_addresses_of_the_feed_scheme_are_web_addresses() -> None:
    taken = read_opml(
        opml(
            '<outline text="a" xmlUrl="feed:https://a.example/"/>'
            '<outline text="b" xmlUrl="feed://b.example/"/>'
        )
    )

    assert [each.url for each in taken.found] == ["https://a.example/", "http://b.example/"]


def test_entities_are_not_resolved(tmp_path: object) -> None:
    data = (
        b'<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        b'<opml><body><outline text="&x;" xmlUrl="https://a.example/"/></body></opml>'
    )

    assert read_opml(data).found[0].title == "&x;"


def test_what_xml_does_not_know_is_taken_for_what_was_meant() -> None:
    taken = read_opml(
        opml(
            '<outline text="Caf&eacute; &nbsp;&amp; bar">'
            '<outline text="A &unknown; b" xmlUrl="https://a.example/?x=1&y=2"/></outline>'
        )
    )

    assert taken.found[0].url == "https://a.example/?x=1&y=2"
    assert taken.found[0].title == "A &unknown; b"
    assert taken.found[0].tags == ("café-bar",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb2312"])
def test_each_encoding_is_read(encoding: str) -> None:
    stated = encoding.removesuffix("-sig")
    text = (
        f'<?xml version="1.0" encoding="{stated}"?><opml><body>'
        '<outline text="新闻" xmlUrl="https://a.example/?a&b"/></body></opml>'
    )

    found = read_opml(text.encode(encoding)).found

    assert [(each.title, each.url) for each in found] == [("新闻", "https://a.example/?a&b")]


def test_a_feed_without_an_address_is_named() -> None:
    taken = read_opml(opml('<outline text="A" type="rss" htmlUrl="https://a.example/"/>'))

    assert taken.unusable == ("A: it has no address (xmlUrl)",)


def test_a_file_that_breaks_off_gives_what_it_holds_and_says_so() -> None:
    whole = opml('<outline text="A" xmlUrl="https://a.example/"/>\n<outline text="B"/>')

    taken = read_opml(whole[: whole.index(b'"B"')])

    assert len(taken.found) == 1
    assert taken.unusable[-1].startswith("the XML is broken in line 2")


def test_billion_laughs_are_not_laughed() -> None:
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    data = f'<!DOCTYPE opml [<!ENTITY l0 "ha">{levels}]><opml><body>&l11;</body></opml>'

    assert read_opml(data.encode()).found == ()


def test_folders_nested_without_end_are_read() -> None:
    deep = '<outline text="f">' * 200
    taken = read_opml(opml(f'{deep}<outline text="A" xmlUrl="https://a.example/"/>'))

    assert taken.found[0].tags == ("f",)


@pytest.mark.parametrize("data", [b"", b"<html/>", b"garbage", b"<rss></rss>", b"\x00\x01"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read_opml(data)


def test_what_we_write_we_read() -> None:
    sources = [
        Source(url="https://a.example/?x=1&y=2", name="a", tags=("news", "中文")),
        Source(url="https://b.example/", name="b"),
    ]

    taken = read_opml(opml_document(sources, title="River"))

    # Folders come behind the feeds beside them.
    assert [(each.url, each.title, each.tags) for each in taken.found] == [
        (source.url, source.name, source.tags) for source in reversed(sources)
    ]


def test_three_hundred_feeds_in_nested_folders_come_back_as_they_were() -> None:
    folders = ("Tech News", "Ost & West", "新闻", "Far East")
    body = "".join(
        f'<outline text="{folders[n % 4]}"><outline text="Part {n % 3}">'
        f'<outline type="rss" text="T&amp;T „{n}“ 早报" xmlUrl="https://{n}.example/rss?a=1&amp;b=2"'
        f' htmlUrl="https://{n}.example/"/></outline></outline>'
        for n in range(300)
    ).replace("Ost & West", "Ost &amp; West")

    def in_feeds_yaml(document: bytes) -> list[Source]:
        additions = [
            NewSource(**each.model_dump(), name=f"s{at}", keeps_title=True)
            for at, each in enumerate(read_opml(document).found)
        ]
        text = with_sources("sources: []\n", additions)
        return list(load_settings(text, path="feeds.yaml", env={}).sources)

    first = opml_document(in_feeds_yaml(opml(body)), title="River")
    second = opml_document(in_feeds_yaml(first), title="River")

    assert first == second
    taken = read_opml(first).found
    assert len(taken) == 300
    assert taken[0].title == "T&T „0“ 早报"
    assert (taken[0].site, taken[0].tags) == ("https://0.example/", ("tech-news", "part-0"))
