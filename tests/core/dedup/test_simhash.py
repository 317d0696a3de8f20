"""The textbook part: the more two texts share, the fewer bits part them."""

import random
from itertools import pairwise

import numpy as np

from core.dedup.simhash import BITS, cosine, distance, shingles, simhash
from core.dedup.tokens import U64, tokens


def bits_of(unique: U64, weight: float = 1.0) -> int:
    return simhash(unique, np.full(len(unique), weight, np.float32), np.ones(len(unique), np.uint8))


def drawn(seed: int, count: int) -> U64:
    draw = random.Random(seed)
    return np.array([draw.getrandbits(64) for _ in range(count)], dtype=np.uint64)


def test_a_shingle_depends_on_the_order_of_its_tokens():
    one, other = tokens("a b c d"), tokens("a c b d")

    assert shingles(one, 4).tolist() != shingles(other, 4).tolist()
    assert len(shingles(one, 4)) == 1
    assert len(shingles(one, 5)) == 0


def test_the_order_and_the_scale_of_the_weights_change_no_bit():
    unique = drawn(1, 300)

    assert bits_of(unique) == bits_of(unique[::-1]) == bits_of(unique, 0.25)


def test_strangers_differ_in_half_of_the_bits_and_copies_in_few():
    texts = [drawn(seed, 500) for seed in range(40)]
    apart = [distance(bits_of(a), bits_of(b)) for a, b in pairwise(texts)]
    copies = [np.concatenate((text[:-25], drawn(99, 25))) for text in texts]
    near = [distance(bits_of(a), bits_of(b)) for a, b in zip(texts, copies, strict=True)]

    assert BITS / 2 - 6 < sum(apart) / len(apart) < BITS / 2 + 6
    assert max(near) < min(apart)


def test_the_distance_tells_the_cosine():
    texts = [drawn(seed, 1000) for seed in range(20)]
    others = [drawn(seed + 50, 500) for seed in range(20)]
    halves = [np.concatenate((a[:500], b)) for a, b in zip(texts, others, strict=True)]
    found = [distance(bits_of(a), bits_of(b)) for a, b in zip(texts, halves, strict=True)]

    assert abs(cosine(sum(found) / len(found)) - 0.5) < 0.1
    assert cosine(0) == 1


def test_what_weighs_nothing_leaves_no_trace():
    unique, noise = drawn(1, 300), drawn(2, 300)
    both = np.concatenate((unique, noise))
    weights = np.concatenate((np.ones(300, np.float32), np.zeros(300, np.float32)))

    assert simhash(both, weights, np.ones(600, np.uint8)) == bits_of(unique)
    assert simhash(unique[:0], weights[:0], np.ones(0, np.uint8)) == 0
