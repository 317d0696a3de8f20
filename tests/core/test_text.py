import pytest

from core.text import (
    collapse,
    converter,
    count_letters,
    is_formatting_space,
    plain_title,
    wide_share,
)


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Caf&eacute; &amp; bar &#8220;Nord&#8221;", "Café & bar “Nord”"),
        ("Caf&amp;eacute;", "Café"),
        ("<b>Bold</b> &lt;i&gt;and&lt;/i&gt; slanted", "Bold and slanted"),
        ("How to use the <video> element", "How to use the <video> element"),
        ("Why &lt;article&gt; beats <div>", "Why <article> beats <div>"),
        ("What a <script> tag does", "What a script tag does"),
        ("Breaking<br>news", "Breaking news"),
        ("if x<y and y>z", "if x<y and y>z"),
        ("<img src=x onerror=alert(1)>Hello", "Hello"),
        ("<svg/onload=alert(1)", None),
        ('<iframe srcdoc="<script>alert(1)</script>">News', "News"),
        ("<scr<b>ipt>alert(1)</scr</b>ipt>", "scriptalert(1)"),
        ("<SCRIPT SRC=//a.example/x.js?<B>", None),
        ("<iframe src=//a.example <", "iframe src=//a.example <"),
        (" \n ", None),
        ("a\x00b\u200bc", "abc"),
    ],
)
def test_titles_become_plain_text(title: str, plain: str | None) -> None:
    assert plain_title(title) == plain


@pytest.mark.parametrize(
    ("title", "declared", "plain"),
    [
        ("A &lt;b&gt; tag &amp;amp; more", "html", "A <b> tag & more"),
        (
            "<em>How</em> the &lt;details&gt; element works",
            "html",
            "How the <details> element works",
        ),
        ("How the <i> element works", "text", "How the <i> element works"),
        ("AT&amp;T &#8211; &lt;b&gt;", "text", "AT&T – &lt;b&gt;"),
        ("<img src=x onerror=alert(1)>Hello", "text", "Hello"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "html", "alert(1)"),
        ("&lt;img src=x onerror=alert(1)&gt;Hello", "html", "Hello"),
    ],
)
def test_a_declared_title_keeps_the_brackets_it_shows(
    title: str, declared: str, plain: str
) -> None:
    assert plain_title(title, declared) == plain  # type: ignore[arg-type]


def test_a_line_broken_inside_chinese_is_joined() -> None:
    assert collapse("克里姆林宫\n  发言人 Peskov\nsaid") == "克里姆林宫发言人 Peskov said"


def test_dashes_between_names_join() -> None:
    assert is_formatting_space("登", "-")
    assert is_formatting_space("-", "习")
    assert not is_formatting_space("a", "-")


def test_letters_count_no_punctuation() -> None:
    assert count_letters("a, b。中_文 3") == 5
    assert wide_share("中文ab") == 0.5


def test_an_opencc_configuration_in_the_working_directory_is_not_taken(tmp_path, monkeypatch):
    (tmp_path / "t2s.json").write_text("{}")
    monkeypatch.chdir(tmp_path)

    assert converter("t2s").convert("龍騰") == "龙腾"
