import pytest

from core.charset import decode

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
