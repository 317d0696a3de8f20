import pytest

from core.text import collapse, joins, letters, plain_title, wide_share


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Caf&eacute; &amp; bar &#8220;Nord&#8221;", "Café & bar “Nord”"),
        ("Caf&amp;eacute;", "Café"),
        ("<b>Bold</b> &lt;i&gt;and&lt;/i&gt; slanted", "Bold and slanted"),
        ("How to use the <video> element", "How to use the video element"),
        ("if x<y and y>z", "if x<y and y>z"),
        ("<img src=x onerror=alert(1)>Hello", "Hello"),
        ("<svg/onload=alert(1)", None),
        ('<iframe srcdoc="<script>alert(1)</script>">News', "News"),
        ("<scr<b>ipt>alert(1)</scr</b>ipt>", "scriptalert(1)"),
        (" \n ", None),
        ("a\x00b\u200bc", "abc"),
    ],
)
def test_titles_become_plain_text(title: str, plain: str | None) -> None:
    assert plain_title(title) == plain


def test_a_line_broken_inside_chinese_is_joined() -> None:
    assert collapse("克里姆林宫\n  发言人 Peskov\nsaid") == "克里姆林宫发言人 Peskov said"


def test_dashes_between_names_join() -> None:
    assert joins("登", "-")
    assert joins("-", "习")
    assert not joins("a", "-")


def test_letters_count_no_punctuation() -> None:
    assert letters("a, b。中_文 3") == 5
    assert wide_share("中文ab") == 0.5
