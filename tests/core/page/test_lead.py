from core.body.html import parse_page
from core.body.walk import Walker
from core.page.lead import part_of

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
