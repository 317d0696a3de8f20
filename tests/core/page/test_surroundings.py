import time

import pytest

from core.body.html import parse_page
from core.body.walk import Walker
from core.page.surroundings import lead_inside, may_continue, next_page, part_of

SENTENCE = "The weir was rebuilt in the winter, and the mill turns again since March. "


def test_the_smallest_element_with_nearly_all_of_the_text_is_its_part() -> None:
    story = f"<p>{SENTENCE}</p>" * 12
    body = f"<main><div id='top'><p>{SENTENCE}</p></div><div id='text'>{story}</div></main>"
    root = parse_page(f"<html><body>{body}</body></html>")[1]

    part = part_of(Walker(None).walk(root), root)

    assert part.get("id") == "text"


def test_a_text_in_two_places_stands_in_what_is_around_both() -> None:
    half = f"<div><p>{SENTENCE * 3}</p></div>"
    root = parse_page(f"<html><body><main>{half * 2}</main></body></html>")[1]

    assert part_of(Walker(None).walk(root), root).tag == "main"


def test_no_text_stands_in_the_whole_page() -> None:
    root = parse_page("<html><body></body></html>")[1]

    assert part_of([], root) is root


def found(body: str, url: str) -> str | None:
    return next_page(parse_page(f"<html><body>{body}</body></html>")[1], url)


@pytest.mark.parametrize(
    ("link", "url", "following"),
    [
        (
            "<a href='88_2.html'>下一页</a>",
            "https://a.example/88.html",
            "https://a.example/88_2.html",
        ),
        ("<a href='?page=3'>Next</a>", "https://a.example/x?page=2", "https://a.example/x?page=3"),
        (
            "<a rel='next' href='/story/2'>»</a>",
            "https://a.example/story",
            "https://a.example/story/2",
        ),
        ("<a rel='next' href='/another-story'>Next</a>", "https://a.example/story", None),
        ("<a href='/story/2019'>Next</a>", "https://a.example/story/2018", None),
        ("<a href='https://b.example/x_2.html'>下一页</a>", "https://a.example/x.html", None),
        ("<a href='x_3.html'>下一页</a>", "https://a.example/x.html", None),
        ("<a href='x_2.html'>read the next chapter</a>", "https://a.example/x.html", None),
    ],
)
def test_only_the_articles_own_next_page_is_taken(
    link: str, url: str, following: str | None
) -> None:
    assert found(link, url) == following


FIGURE = "<figure>%s<img src='https://a.example/1.jpg'><figcaption>The weir.</figcaption></figure>"
HEADLINE = "<h1>Weir</h1>"


@pytest.mark.parametrize(
    ("above", "texts"),
    [
        (f"<article>{HEADLINE}{FIGURE % ''}<p>3 May</p>", ["", "The weir."]),
        (f"<article>{HEADLINE}{FIGURE % '<span>Image</span>'}<p>3 May</p>", ["", "The weir."]),
        (f"<article>{FIGURE % ''}{HEADLINE}", ["", "The weir."]),
        (f"<article><p>Another</p>{FIGURE % ''}</article><article>{HEADLINE}", []),
        (f"{FIGURE % ''}<article>{HEADLINE}", []),
        (f"{FIGURE % ''}{HEADLINE}<article>", []),
    ],
)
def test_the_figure_beside_the_headline_leads(above: str, texts: list[str]) -> None:
    story = f"<p>{SENTENCE}</p>" * 3
    page = f"<html><body>{above}{story}</article></body></html>"
    blocks = Walker(None).walk(parse_page(page)[1])

    lead = lead_inside(blocks, blocks[-3:])

    assert [line.text for block in lead for line in block.lines] == texts


def test_a_page_of_blanks_is_looked_through_once() -> None:
    begun = time.process_time()

    assert not may_continue(b"<a rel=" + b" " * 1_000_000)
    assert time.process_time() - begun < 1
