from core.body.html import parse_page
from core.page.locate import Standing

_SENTENCE = "The weir was rebuilt in the winter, and the mill turns again since March. "
_OTHER = "A reader says that the old weir was quite as good and a good deal cheaper. "
TEXT = "\n".join(f"{number}: {_SENTENCE * 3}".strip() for number in range(6))
ARTICLE = "".join(f"<p>{line}</p>" for line in TEXT.splitlines())


def _standing(body: str, text: str = TEXT) -> Standing:
    return Standing(parse_page(f"<html><body>{body}</body></html>")[1], text)


def test_the_smallest_part_that_holds_the_text_is_found() -> None:
    lead, _, rest = ARTICLE.partition("</p>")
    parts = _standing(
        f"<main><div id='top'>{lead}</p></div><div id='text'>{rest * 4}</div></main>", TEXT
    ).parts()

    assert parts is not None
    part, around = parts
    assert (part.get("id"), around.tag) == ("text", "main")
    assert _standing("<p>Something else stands here.</p>").parts() is None


def test_the_running_text_of_a_page_is_plain() -> None:
    links = "<li><a href='/x'>The old mill is for sale, and nobody wants it</a></li>" * 30

    assert _standing(f"<div>{ARTICLE}</div><ul>{links}</ul>").is_plain()


def test_a_page_with_another_text_of_that_kind_leaves_a_doubt() -> None:
    rival = f"<div>{f'<p>{_OTHER * 3}</p>' * 2}</div>"

    assert not _standing(f"<div>{ARTICLE}</div>{rival}").is_plain()


def test_a_text_with_the_comments_in_it_leaves_a_doubt() -> None:
    comments = "".join(f"<li><div><p>{number}: {_OTHER * 2}</p></div></li>" for number in range(4))
    said = "\n".join(f"{number}: {_OTHER * 2}".strip() for number in range(4))

    assert not _standing(f"<div>{ARTICLE}</div><ol>{comments}</ol>", f"{TEXT}\n{said}").is_plain()


def test_half_an_article_leaves_a_doubt() -> None:
    half = "\n".join(TEXT.splitlines()[:3])

    assert not _standing(f"<div>{ARTICLE}</div>", half).is_plain()


def test_a_paragraph_that_was_passed_over_leaves_a_doubt() -> None:
    lines = TEXT.splitlines()
    without = "\n".join(lines[:2] + lines[3:])

    assert not _standing(f"<div>{ARTICLE}</div>", without).is_plain()


def test_no_text_leaves_a_doubt() -> None:
    assert not _standing(f"<div>{ARTICLE}</div>", "").is_plain()
