"""Tables of contents go; lists that say more than the headings stay."""

from __future__ import annotations

import pytest

from core.body.contents import cut_contents
from core.body.html import inner_text, parse_markup

_PARTS = "".join(
    f'<h2 id="s{n}">{n}. Part {word}</h2><p>Text.</p>' for n, word in enumerate("abcd")
)
_LINKS = "".join(f'<li><a href="#s{n}">Part {word}</a></li>' for n, word in enumerate("abcd"))


def _cut(markup: str, base: str | None = None) -> tuple[list[str], str]:
    root = parse_markup(markup)
    removed = cut_contents(root, base)
    return [each.text for each in removed], inner_text(root)


@pytest.mark.parametrize(
    "contents",
    [
        f"<ul>{_LINKS}</ul>",
        f"<ol>{_LINKS.replace('Part', '<span>1.2</span> Part')}</ol>",
        f"<div><p>目录</p><ul>{_LINKS}</ul></div>",
        f"<ul><li><a href='#s0'>Part a</a><ul>{_LINKS}</ul></li></ul>",
        f"<ul>{_LINKS.replace('#', 'https://example.org/post#')}</ul>",
    ],
)
def test_a_list_of_the_documents_own_headings_goes(contents: str) -> None:
    removed, text = _cut(f"<p>Lead.</p>{contents}{_PARTS}", "https://example.org/post")
    assert len(removed) == 1
    assert text.startswith("Lead.0. Part aText.")
    assert "目录" not in text


@pytest.mark.parametrize(
    "contents",
    [
        f"<ul>{_LINKS.replace('</a>', '</a>: what it is about and why')}</ul>",  # says more
        f"<ul>{_LINKS.replace('Part', 'Note')}</ul>",  # other words than the headings
        '<ul><li><a href="#s0">Part a</a></li><li><a href="#s1">Part b</a></li></ul>',  # two links
        f"<ul>{_LINKS.replace('#', 'https://example.org/other#')}</ul>",  # another page
        "<ol>" + "".join(f'<li>A source. <a href="#r{n}">↩</a></li>' for n in range(4)) + "</ol>",
    ],
)
def test_other_lists_stay(contents: str) -> None:
    assert _cut(f"{contents}{_PARTS}", "https://example.org/post")[0] == []


def test_the_text_beside_a_list_is_no_label() -> None:
    box = f"<div><p>What was decided, and what was put off.</p><ul>{_LINKS}</ul></div>"
    assert "What was decided" in _cut(box + _PARTS)[1]
