import pytest

from core.body.clean import clean_entry
from core.body.html import parse_markup, spaced_text
from core.body.normalize import normalize
from core.models import FeedEntry


def text(raw: str, **how: str) -> str:
    return spaced_text(normalize(raw, **how).root)  # type: ignore[arg-type]


def test_json_escaped_html_is_unescaped_once() -> None:
    raw = (
        'Title\\u003cp class=\\"x\\"\\u003eOne \\u0026amp; two\\u003c/p\\u003e'
        "\\u003cp\\u003e3\\u003c/p\\u003e"
    )

    assert text(raw) == "Title One & two 3"


def test_twice_escaped_html_is_html() -> None:
    assert text("&lt;p&gt;The caf&amp;eacute; is &lt;b&gt;open&lt;/b&gt;.&lt;/p&gt;") == (
        "The café is open ."
    )


def test_a_tag_that_a_text_only_names_stays_a_word() -> None:
    assert text("Use &lt;blink&gt; with care, and a < b too") == (
        "Use <blink> with care, and a < b too"
    )


def test_tex_is_text() -> None:
    assert text(r"bounded when $\|f\| < \infty$ holds") == r"bounded when $\|f\| < \infty$ holds"


def test_front_matter_is_read_and_taken_off() -> None:
    document = normalize('---\ntitle: "A: b"\ndate: 2020-01-02\n---\n\n<p>Body</p>')

    assert document.front == {"title": "A: b", "date": "2020-01-02"}
    assert spaced_text(document.root) == "Body"


@pytest.mark.parametrize(
    "text",
    [
        '---\ntitle: "[A] b"\ntags: [x, "y z"]\n---\nBody',
        '---\ntitle: "[A] b"\ntags:\n  - x\n  - y z\n---\nBody',
        'title: "[A] b"\ntags:\n- x\n- y z\n---\nBody',
        '+++\ntitle = "[A] b"\ntags = ["x", "y z"]\n+++\nBody',
        '{"title": "[A] b", "tags": ["x", "y z"]}\nBody',
        '"title": "[A] b",\n"tags": ["x", "y z"]\n;;;\nBody',
    ],
)
def test_lists_of_front_matter_are_read_in_every_form(text: str) -> None:
    document = normalize(text, content_type="markdown")

    assert document.front == {"title": "[A] b", "tags": "x, y z"}
    assert spaced_text(document.root) == "Body"
    entry = FeedEntry(guid="1", position=0, content=text, content_type="markdown")
    assert clean_entry(entry).article.categories == ("x", "y z")


def test_a_ruler_at_the_start_is_no_front_matter() -> None:
    assert "Hello there" in text("---\nHello there\n---\n")


def test_cdata_marks_are_taken_off() -> None:
    assert text("<![CDATA[<p>Body</p>]]>") == "Body"


def test_plain_lines_around_html_are_paragraphs() -> None:
    root = normalize("Title\nSource: x\n2026-01-02\n<div><p>Body</p></div>\nEditor: y").root

    assert [spaced_text(p) for p in root.iter("p")][:3] == ["Title", "Source: x", "2026-01-02"]


def test_lines_that_a_program_wrapped_are_one_paragraph() -> None:
    wrapped = "\n".join(["word " * 14] * 5)

    assert next(normalize(wrapped, content_type="text").root.iter("br"), None) is None


def test_markdown_is_rendered_and_html_in_it_stays() -> None:
    document = normalize(
        "### Title\n\n**Bold** [link](https://a.example/x)\n\n<div>\n <p>Raw</p>\n</div>"
    )

    assert document.shape == "markdown"
    assert spaced_text(next(document.root.iter("h3"))) == "Title"
    assert next(document.root.iter("a")).get("href") == "https://a.example/x"


def test_headings_with_rulers_beside_html_are_read_as_markdown() -> None:
    raw = "### A title \n-----\n\n---\n#### [Home](https://a.example/) | *news*\n\n<p>Raw</p>"

    tags = [element.tag for element in normalize(raw).root.iter("h3", "hr", "h4", "em", "p")]

    assert tags == ["h3", "hr", "hr", "h4", "em", "p"]


def test_a_definition_behind_html_serves_the_links_before_it() -> None:
    raw = "One [link][1].\n\n### T\n\n<p>Raw</p>\n\n[1]: https://a.example/x"

    assert next(normalize(raw).root.iter("a")).get("href") == "https://a.example/x"


def test_code_over_empty_lines_is_not_cut_beside_html() -> None:
    root = normalize("# T\n\n<p>Raw</p>\n\n<pre>\none\n\n### two\n</pre>").root

    assert spaced_text(next(root.iter("pre"))) == "one ### two"


def test_indented_html_in_markdown_is_not_code() -> None:
    root = normalize("# T\n\n<div>\n\n      <p>Deep</p>\n\n</div>").root

    assert next(root.iter("pre"), None) is None


def test_html_that_is_declared_is_not_taken_for_markdown() -> None:
    assert normalize("<p># 1 [x](y)</p>", content_type="html").shape == "html"


@pytest.mark.parametrize("depth", [300, 3_000, 30_000])
def test_text_nested_without_end_is_kept(depth: int) -> None:
    assert "kept" in spaced_text(parse_markup("<div>" * depth + "kept" + "</div>" * depth))


@pytest.mark.timeout(20)
def test_a_tag_with_a_hundred_thousand_attributes_costs_nothing() -> None:
    attributes = " ".join(f"a{number}='1'" for number in range(100_000))

    root = parse_markup(f"<p class='x' {attributes}>kept</p>")

    assert next(root.iter("p")).get("class") == "x"


@pytest.mark.parametrize(
    ("line", "addresses"),
    [
        ("See https://a.example/lamps.", ["https://a.example/lamps"]),
        ("(https://a.example/x), https://b.example/y?a=1&b=2", ["https://a.example/x",
         "https://b.example/y?a=1&b=2"]),
        ("https://a.example/wiki/Lamp_(light)", ["https://a.example/wiki/Lamp_(light)"]),
        ("链接：https://a.example/甲。后文", ["https://a.example/甲"]),
        ("ftp://a.example/ and a.example", []),
    ],
)  # fmt: skip
def test_an_address_in_plain_text_is_a_link(line: str, addresses: list[str]) -> None:
    root = normalize(line, content_type="text").root

    assert [link.get("href") for link in root.iter("a")] == addresses
    assert spaced_text(root).replace(" ", "") == line.replace(" ", "")


def test_chapters_of_an_episode_are_a_list() -> None:
    root = normalize("Chapters:\n(00:00) Intro\n(03:10) The cable\n1:17:42 - Bread\n\nBye").root

    assert [spaced_text(item) for item in root.iter("li")] == [
        "(00:00) Intro", "(03:10) The cable", "1:17:42 - Bread"
    ]  # fmt: skip
    assert [spaced_text(p) for p in root.iter("p")] == ["Chapters:", "Bye"]


def test_strong_text_beside_wide_punctuation_is_strong() -> None:
    raw = "**甲：**开始了，今天先说**“码头”**这件事。`**甲：**乙`\n\n```\n**丙：**丁\n```\n"

    root = normalize(raw, content_type="markdown").root

    assert [element.text for element in root.iter("strong")] == ["甲：", "“码头”"]
    assert [element.text for element in root.iter("code")] == ["**甲：**乙", "**丙：**丁\n"]


def test_utf_8_that_was_read_as_latin_1_is_put_right() -> None:
    right = "桥边的茶馆清晨开门，老人数过了渔船，也数过了账本上的数字。"

    for wrong in (right.encode().decode("latin-1"), "水" + right.encode().decode("latin-1")):
        assert right in text(f"<p>{wrong}</p>")


def test_accents_are_no_wrongly_read_utf_8() -> None:
    french = "Café déjà vu, naïve façade, “élève” Ã la carte, Ångström. " * 10

    assert text(f"<p>{french}</p>").strip() == french.strip()


def test_escapes_of_front_matter_in_double_quotes_are_read() -> None:
    title = r'title: "\u6CB3\u6C34' + "\\\n" + r'  \ \ud83d\ude00 \"rises\""'
    folded = f'---\n{title}\nfolder: "C:\\new"\n---\nText'

    front = normalize(folded, content_type="markdown").front

    assert front == {"title": '河水 😀 "rises"', "folder": "C:\\new"}


def test_values_of_front_matter_that_are_folded_are_whole() -> None:
    title = "title: The mill by the river\n  is rebuilt\n"
    fields = f"{title}author: >-\n  Ann\n  Miller\ntags:\n  - a\n  - b\n"
    folded = f"---\n{fields}cover:\n  image: x.jpg\n---\nText"

    front = normalize(folded, content_type="markdown").front

    whole = "The mill by the river is rebuilt"
    assert front == {"title": whole, "author": "Ann Miller", "tags": "a, b"}


def test_links_of_wikis_are_their_words() -> None:
    text = (
        "# Weir\n\n[TOC]\n\nSee [[Water tower]] and [[old-mill|The old mill]] or [[Mill|old-mill]]."
        " ![[a.png]]\n\nRun `[[Page]]` or [[1]](https://a.example/).\n"
    )
    found = clean_entry(FeedEntry(guid="x", position=0, title="Weir", content=text)).article.text

    assert found == ("See Water tower and The old mill or Mill.\n\nRun [[Page]] or [1].")
