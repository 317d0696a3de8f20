"""One source cannot make another's copies unfindable, nor have forgotten what others taught."""

from __future__ import annotations

import numpy as np

from core.dedup import standing
from core.dedup.copy import ArticleCopy
from core.dedup.fingerprint import FILED, features, fingerprint, learn_features
from core.dedup.idf import COMMON, Idf
from core.dedup.standing import Standing
from core.dedup.tokens import mix
from core.models import Article
from tests.core.dedup.test_merge import Desk
from tests.core.stories import body, paragraphs, title

CRAFTED = 50_000
REPORT = paragraphs(5, 9)


def test_who_repeats_another_s_text_does_not_make_it_common():
    idf = Idf()
    report = features("Bridge opens", body(1))
    before = fingerprint(report, idf, source="paper")

    for number in range(COMMON * 4):
        lead = " ".join(paragraphs(100 + number, 3))
        learn_features(features(title(number), f"{lead}\n\n{body(1)}"), idf, source="hostile")

    after = fingerprint(report, idf, source="another paper")
    assert after.minhashes == before.minhashes
    own = fingerprint(report, idf, source="hostile")
    assert not set(own.minhashes[:FILED]) & set(before.minhashes)


def test_a_flood_of_one_source_fades_nothing_that_others_taught():
    idf = Idf()
    promo = np.arange(20, dtype=np.uint64)
    word = np.array([7], dtype=np.uint64)
    for source in range(1, 21):
        idf.learn_entry(promo, word, source=source)
    before = idf.counts(promo)

    for number in range(CRAFTED):
        crafted = mix(np.arange(number * 300, number * 300 + 300, dtype=np.uint64))
        idf.learn_entry(crafted, crafted[:9], source=99)

    assert (idf.counts(promo) >= before).all()
    assert not idf.is_rare(word).any()


def test_variations_of_a_report_by_one_source_do_not_hide_it_from_its_copies():
    def cut(name: str) -> list[str]:
        said = f"Mayor {name} said so. The council followed {name} in the evening."
        return [*REPORT[:3], said, *REPORT[3:5], f"A park is called after {name}.", *REPORT[5:7]]

    desk = Desk()
    desk.take("paper", "The bridge opens in June", *cut("Calder"), *REPORT[7:])
    for number in range(40):
        name = f"Q{'abcdefghij'[number % 10]}{'klmno'[number // 10]}rim"
        desk.take(f"h{number:02}", f"Nothing about {name}", *cut(name), source="hostile")
    assert len(desk.groups()) > 20

    desk.take("copy", "River gets its bridge", *cut("Calder"))

    assert any({"paper", "copy"} <= group for group in desk.groups())


def test_sentences_of_one_source_leave_place_for_what_others_repeat(monkeypatch):
    monkeypatch.setattr(standing, "KEPT", 64)
    monkeypatch.setattr(standing, "SHARE", 8)
    notes, known = paragraphs(7, 6), Standing()

    def copies(source: str, text: list[str], titles: list[str]) -> list[ArticleCopy]:
        return [ArticleCopy(Article(title=each, text="\n\n".join(text)), source) for each in titles]

    def observe(source: str, text: list[str], titles: list[str]) -> None:
        first, *others = copies(source, text, titles)
        for other in others:
            seen = Standing(known.titles_above)
            seen.observe(first, other)
            known.learn(seen.take_learned(), source=source)

    observe("channel", notes, ["Harbour wall", "Two teachers retire", "Ferry on Monday"])
    for number in range(40):
        observe("hostile", paragraphs(200 + number, 6), ["Quux gronk zibble", "Toma fep lorp"])

    probe = copies("channel", notes, ["x", "y"])
    assert known.in_pair(*probe) is not None
