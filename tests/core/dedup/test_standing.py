"""What sources repeat under every headline is learned, bounded, and passed on."""

from __future__ import annotations

import pytest

from core.dedup import standing
from core.dedup.compare import Pair
from core.dedup.copy import ArticleCopy
from core.dedup.idf import Idf
from core.dedup.standing import Standing
from core.dedup.table import row_of
from core.models import Article
from tests.core.stories import paragraphs

NOTES = paragraphs(7, 8)
TITLES = ("Harbour wall is repaired", "Two teachers retire", "Ferry starts on Monday")


def copy(
    title: str,
    *text: str,
    source: str = "channel",
    link: str | None = None,
    site: str | None = "house.example",
) -> ArticleCopy:
    return ArticleCopy(Article(title=title, text="\n\n".join(text), link=link), source, site)


def taught(
    *titles: str, source: str = "channel", links: bool = False, site: str = "house.example"
) -> Standing:
    """What three copies teach that are compared with the first."""
    link = "https://house.example/{}" if links else None
    copies = [
        copy(title, *NOTES, source=source.format(n), link=link and link.format(n), site=site)
        for n, title in enumerate(titles)
    ]
    known = Standing()
    for each in copies[1:]:
        known.observe(copies[0], each)
    return known


def is_known(known: Standing, source: str = "channel") -> bool:
    found = known.in_pair(copy("x", *NOTES, source=source), copy("y", *NOTES, source="another"))
    return found is not None and bool(found[0].all() and found[1].all())


def test_three_unlike_headlines_of_one_source_teach_and_its_reprints_are_recognised():
    known = taught(*TITLES)

    assert is_known(known)
    assert not is_known(known, source="stranger")


@pytest.mark.parametrize(
    "titles",
    [
        TITLES[:2],
        (TITLES[0], f"{TITLES[0]} (video)", f"{TITLES[0]} again"),
    ],
)
def test_two_headlines_or_one_retitled_teach_nothing(titles: tuple[str, ...]):
    assert not is_known(taught(*titles))


def test_sources_of_one_host_teach_only_what_says_nothing_of_their_headlines():
    about = tuple(" ".join(each.split()[:6]) for each in NOTES[:3])
    strange = ("Quux gronk zibble", "Wug blicket dax", "Toma fep lorp")
    probe = copy("x", *NOTES, source="s9", link="https://house.example/9")

    assert taught(*strange, source="s{}", links=True).in_pair(probe, probe) is not None
    assert taught(*about, source="s{}", links=True).in_pair(probe, probe) is None


def test_a_stranger_who_links_to_a_host_teaches_nothing_of_it():
    strange = ("Quux gronk zibble", "Wug blicket dax", "Toma fep lorp")
    probe = copy("x", *NOTES, source="s9", link="https://house.example/9")

    known = taught(*strange, source="stranger", links=True, site="stranger.example")

    assert known.in_pair(probe, probe) is None


def test_what_remains_without_it_decides():
    idf = Idf()
    idf.standing = taught(*TITLES)
    own = paragraphs(40, 6)
    one = copy(" ".join(own[0].split()[:6]), *own, *NOTES)
    reprint = copy(" ".join(own[1].split()[:6]), *own, source="paper")
    other = copy("Other", *paragraphs(90, 6), *NOTES)

    rows = [row_of(Pair.of(one, each, idf)) for each in (reprint, other)]

    assert [bool(row and row.same) for row in rows] == [True, False]


def test_what_was_learned_is_passed_on_and_kept():
    known, other = taught(*TITLES), Standing()

    other.learn(known.take_learned(), alone=True)

    assert is_known(other)
    assert other.take_learned() == known.take_learned() == b""
    later = Standing()
    later.learn(other.to_bytes())
    assert is_known(later)


def test_the_oldest_goes_when_it_is_full(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(standing, "KEPT", 4)

    assert len(taught(*TITLES).to_bytes()) <= 4 * 3 * 16


def test_one_article_under_three_headlines_that_it_is_about_is_no_standing_text():
    about = tuple(" ".join(each.split()[:6]) for each in NOTES[:3])

    assert not is_known(taught(*about))
    assert is_known(taught(*(f"{about[0]}: {title}" for title in TITLES)))
