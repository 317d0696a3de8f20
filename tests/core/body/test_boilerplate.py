from collections.abc import Iterable

from core.body.boilerplate import WINDOW, Boilerplate
from core.body.clean import clean_entry
from core.models import Article, FeedEntry

PROMO = "<h4><a href='https://promo.example/x'>Watch this film today</a></h4>"
SLOGAN = "<p>The valley's own paper, read by everyone who lives there since 1911.</p>"


def story(number: int) -> str:
    return "".join(
        f"<p>Paragraph {word} of story {'abcdefghijklmnopqrstuvwxyz'[number % 26] * 3} tells what "
        f"happened {'near the mill ' * (number % 5 + 1)}and why {word} people talked about it.</p>"
        for word in ("one", "two", "three", "four")
    )


def read(content: str, learned: Boilerplate | None = None) -> tuple[Article, Iterable[int]]:
    cleaned = clean_entry(FeedEntry(guid="x", position=0, content=content), learned=learned)
    return cleaned.article, cleaned.signatures


def taught(*bodies: str) -> Boilerplate:
    learned = Boilerplate()
    for body in bodies:
        learned.learn(read(body, learned)[1])
    return learned


def test_what_repeats_in_a_source_goes_from_the_fourth_item_on() -> None:
    learned = taught(*(story(n) + SLOGAN for n in range(3)))

    article, _ = read(story(7) + SLOGAN, learned)

    assert "own paper" not in article.text
    assert [item.rule for item in article.removed] == ["learned"]
    assert read(story(7))[0].text == article.text


def test_what_stands_in_two_items_stays() -> None:
    learned = taught(story(1) + SLOGAN, story(2) + SLOGAN, story(3), story(4))

    assert "own paper" in read(story(7) + SLOGAN, learned)[0].text


def test_digits_do_not_hide_a_repetition() -> None:
    learned = taught(*(story(n) + f"<p>Printed as number {n} of the year</p>" for n in range(4)))

    assert (
        "Printed" not in read(story(9) + "<p>Printed as number 9 of the year</p>", learned)[0].text
    )


def test_a_rotating_promotion_goes_with_its_host() -> None:
    rotating = [
        f"<p><a href='https://promo.example/{n}'>Another film, {'x' * n}</a></p>" for n in range(8)
    ]
    learned = taught(*(story(n) + PROMO + rotating[n] for n in range(7)))

    article, _ = read(story(9) + PROMO + rotating[7], learned)

    assert "film" not in article.text
    assert "learned-beside" in [item.rule for item in article.removed]


def test_a_short_line_between_paragraphs_needs_more_repetition() -> None:
    body = "{0}<h2>What we know</h2>{0}"
    learned = taught(*(body.format(story(n)) for n in range(5)))

    assert "What we know" in read(body.format(story(9)), learned)[0].text


def test_a_repeated_picture_goes_and_a_new_one_stays() -> None:
    logo = "<p><img src='https://a.example/logo.png?v={}'></p>"
    learned = taught(*(logo.format(n) + story(n) for n in range(4)))

    article, _ = read(
        "<p><img src='https://a.example/1.jpg'></p>" + logo.format(9) + story(9), learned
    )

    assert article.images == ("https://a.example/1.jpg",)


def test_never_more_than_two_fifths_of_an_item() -> None:
    learned = taught(*(story(1) for _ in range(5)))

    article, _ = read(story(1), learned)

    assert article.text == read(story(1))[0].text


def test_never_the_only_paragraph() -> None:
    learned = taught(*(story(n) + SLOGAN for n in range(4)))

    assert "own paper" in read(SLOGAN, learned)[0].text


def test_the_state_is_bounded_and_survives_the_store() -> None:
    learned = taught(*(story(n) + SLOGAN for n in range(4)))
    for number in range(3 * WINDOW):
        learned.learn([number, number + 1])

    again = Boilerplate.from_bytes(learned.to_bytes())

    assert len(again) == WINDOW
    assert again.to_bytes() == learned.to_bytes()
    assert again.seen(3 * WINDOW - 1) == 2
    assert again.seen(5) == 0


def test_an_unknown_state_starts_anew() -> None:
    assert len(Boilerplate.from_bytes(None)) == len(Boilerplate.from_bytes(b"\xff123")) == 0


def test_endless_items_leave_few_marks() -> None:
    _, marks = read("".join(f"<p>{'ab' * n} line</p>" for n in range(2000)))

    assert len(list(marks)) < 200
