"""A fingerprint is small, comes back as it was stored, and lies near those of copies."""

from __future__ import annotations

import pickle

from core.dedup.fingerprint import PRINT_BYTES, StoredFingerprint, features, fingerprint, idf_hashes
from core.dedup.idf import Idf
from tests.core.stories import body, title


def printed(seed: int, text: str | None = None, **more):
    return fingerprint(features(title(seed), text or body(seed)), Idf(), **more)


def distance(one, other) -> int:
    return (one.print.simhash ^ other.print.simhash).bit_count()


def test_a_print_comes_back_as_it_was_packed():
    kept = printed(1, source="one").print

    packed = kept.pack()
    again = StoredFingerprint.unpack(packed)

    assert len(packed) == PRINT_BYTES == 42
    assert again.pack() == packed
    assert abs(again.informative - kept.informative) <= kept.informative * 0.05
    assert again[3:] == kept[3:]


def test_strangers_lie_far_apart_and_copies_near():
    paragraphs = body(1).split("\n\n")
    edited = "\n\n".join([*paragraphs[:-1], "A last word was added here by the editor."])

    assert distance(printed(1), printed(1, edited)) <= 12
    assert distance(printed(1), printed(2)) > 44


def test_what_the_stream_repeats_does_not_count():
    idf, promo = Idf(), body(99, 6)
    for seed in range(100, 130):
        idf.learn(idf_hashes(features(title(seed), body(seed) + promo)))

    def weighed(text: str):
        return fingerprint(features(title(1), text), idf)

    assert distance(weighed(body(1)), weighed(body(1) + promo)) <= 12
    assert weighed(promo).print.informative < 30


def test_a_text_without_words_has_a_print_too():
    for text in ("", "—", "one"):
        kept = fingerprint(features(None, text), Idf())
        assert kept.print.informative == 0
        assert kept.minhashes == ()
        assert kept.headline_key == 0


def test_the_address_of_a_whole_site_names_no_article():
    urls = ["https://example.org/", "https://example.org/a", "", "https://example.org/a"]

    assert len(printed(1, urls=urls).url_keys) == 1


def test_features_are_small_enough_to_cross_a_process():
    assert len(pickle.dumps(features(title(1), body(1, 60)))) < 40_000
