"""Text is read as it was written, and as it was declared."""

from collections import Counter
from itertools import islice

import pytest

from core.feeds.charset import decode, encoding_of
from core.feeds.charset_detection import LIES, Lie
from core.feeds.parse import parse_feed
from tests.core.feeds.languages import LANGUAGES, headlines, paragraph

SIMPLIFIED = "图书馆延长开放时间，周末开放到晚上九点，读者可以在馆内自习。"
TRADITIONAL = "圖書館延長開放時間，週末開放到晚上九點，讀者可以在館內自習。"
JAPANESE = "これは図書館の開館時間についてのお知らせです。"
RUSSIAN = "Библиотека продлевает часы работы по выходным дням."
FRENCH = "La bibliothèque reste ouverte jusqu’à neuf heures, même l’été."


@pytest.mark.parametrize(
    ("text", "encoding", "content_type"),
    [
        (SIMPLIFIED, "gbk", "text/xml; charset=gb2312"),
        (SIMPLIFIED, "gb18030", None),
        (SIMPLIFIED, "gbk", "text/html; charset=utf-8"),
        (SIMPLIFIED, "gbk", "text/html; charset=iso-8859-1"),
        (SIMPLIFIED, "utf-8", "text/html; charset=gbk"),
        (TRADITIONAL, "big5hkscs", "text/html; charset=big5"),
        (TRADITIONAL, "big5", "text/html; charset=gb2312"),
        (TRADITIONAL, "big5", None),
        (JAPANESE, "shift_jis", None),
        (JAPANESE, "euc_jp", "text/html; charset=shift_jis"),
        (RUSSIAN, "cp1251", None),
        (RUSSIAN, "koi8-r", None),
        (FRENCH, "cp1252", "text/html; charset=iso-8859-1"),
        (FRENCH, "utf-8", "text/html; charset=us-ascii"),
        (FRENCH, "cp1252", None),
    ],
)
def test_text_is_read_as_it_was_written_whatever_was_declared(
    text: str, encoding: str, content_type: str | None
) -> None:
    decoded = decode(text.encode(encoding), content_type=content_type)

    assert decoded.text == text
    assert decoded.sure


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_wins(encoding: str) -> None:
    assert decode(SIMPLIFIED.encode(encoding), content_type="x; charset=gbk").text == SIMPLIFIED


def test_a_prolog_and_a_meta_element_are_declarations() -> None:
    prolog = f'<?xml version="1.0" encoding="GB2312"?><a>{SIMPLIFIED}</a>'
    meta = f'<html><meta charset="big5">{TRADITIONAL}'

    assert SIMPLIFIED in decode(prolog.encode("gbk")).text
    assert TRADITIONAL in decode(meta.encode("big5hkscs")).text


def test_utf8_cut_inside_a_character_is_still_utf8() -> None:
    decoded = decode(SIMPLIFIED.encode()[:-1])

    assert SIMPLIFIED.startswith(decoded.text)
    assert decoded.encoding == "utf-8"


def test_bytes_that_are_no_text_are_not_sure() -> None:
    assert not decode(bytes(range(128, 256)) * 40).sure


def test_an_unknown_encoding_name_does_no_harm() -> None:
    assert decode(FRENCH.encode(), content_type="text/html; charset=klingon").text == FRENCH


DECLARED = [(code, label) for code, language in LANGUAGES.items() for label in language.encodings]


def feed_in(label: str, code: str, title: str, text: str = "") -> bytes:
    """A feed of one entry, encoded as its prolog says."""
    body = f"<description>{text}</description>" if text else ""
    document = (
        f'<?xml version="1.0" encoding="{label}"?><rss version="2.0"><channel><title>News</title>'
        f"<language>{code}</language><item><title>{title}</title>{body}</item></channel></rss>"
    )
    return document.encode(encoding_of(label) or "")


@pytest.mark.parametrize(("code", "label"), DECLARED)
def test_a_declared_charset_that_decodes_is_believed(code: str, label: str) -> None:
    for seed in range(8):
        title, text = next(headlines(code, seed=seed)), paragraph(code, seed=seed, sentences=40)

        for document in (feed_in(label, code, title), feed_in(label, code, title, text)):
            entry = parse_feed(document, url="https://a.example/", content_type=None).entries[0]
            assert (entry.title, entry.content) in ((title, ""), (title, text))


@pytest.mark.parametrize(("code", "label"), DECLARED)
def test_a_page_is_read_in_the_charset_of_its_header_or_its_meta_element(
    code: str, label: str
) -> None:
    text = next(headlines(code, seed=99))
    meta = f"<!doctype html><html><head><meta charset={label}><title>{text}</title>"
    bare = f"<!doctype html><html><head><title>{text}</title>"
    encoding = encoding_of(label) or ""

    assert decode(meta.encode(encoding)).text == meta
    assert decode(bare.encode(encoding), content_type=f"text/html; charset={label}").text == bare


@pytest.mark.parametrize("lie", LIES, ids=[lie.name for lie in LIES])
def test_a_known_kind_of_wrong_declaration_is_seen(lie: Lie) -> None:
    declared = encoding_of(lie.label)
    decoded = decode(lie.example, content_type=f"text/html; charset={lie.label}")

    assert decoded.encoding != declared
    assert decoded.text.encode(decoded.encoding) == lie.example
    assert decoded.sure


def test_a_header_goes_before_what_the_document_says() -> None:
    data = '<?xml version="1.0" encoding="iso-8859-2"?><a>Łódź</a>'.encode("cp1250")

    assert "Łódź" in decode(data, content_type="text/xml; charset=windows-1250").text


def test_a_page_that_an_entry_quotes_declares_nothing() -> None:
    data = f'<rss><item><![CDATA[<meta charset="big5">]]>{SIMPLIFIED}</item></rss>'

    assert SIMPLIFIED in decode(data.encode()).text


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("ISO-8859-1", "cp1252"), ("us-ascii", "cp1252"), ("latin5", "cp1254"), ("x-sjis", "cp932"),
        ("windows-874", "cp874"), ("TIS-620", "cp874"), ("koi8-u", "koi8-u"), ("koi8", "koi8-r"),
        ("GB2312", "gb18030"), ("x-gbk", "gb18030"), ("ks_c_5601-1987", "cp949"),
        ("iso88592", "iso8859-2"), ("x-cp1250", "cp1250"), ("x-mac-cyrillic", "mac-cyrillic"),
        ("Big5-HKSCS", "big5hkscs"), (" utf8 ", "utf-8"), ("rot13", None), ("base64", None),
        ("punycode", None), ("klingon", None),
    ],
)  # fmt: skip
def test_a_label_means_what_the_standard_says(label: str, encoding: str | None) -> None:
    assert encoding_of(label) == encoding


def test_what_is_not_declared_is_detected_by_language_and_bytes() -> None:
    """The usual encoding of its language each: the rest is lost with browsers, too."""
    right: Counter[bool] = Counter()
    usual = {"ro": "windows-1250", "el": "windows-1253", "ja": "euc-jp", "uk": "koi8-u"}
    for code, language in LANGUAGES.items():
        label = usual.get(code) or next(
            (name for name in language.encodings if "windows" in name), language.encodings[0]
        )
        for text in islice(headlines(code, seed=5), 8):
            page = f"<html lang={code[:2]}><title>{text}</title>"
            decoded = decode(page.encode(encoding_of(label) or ""))
            right[decoded.text == page] += 1

    assert right[False] <= 0.02 * right.total(), right
