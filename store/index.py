"""The duplicate index in the store: who might an entry repeat, and filing what is new.

Looking up is separate from filing so that the decision can be made in `core/dedup/decide.py`.
Filing refuses when a founder appeared that the decision had not weighed; then it is made again,
so that find-or-claim is one step as far as anybody can see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from core.config.settings import DedupSettings
from core.dedup.fingerprint import PRINT_BYTES, Fingerprint, Print
from core.dedup.prints import Candidate
from core.ids import PREFIX as URN
from store import keys
from store.connection import Store

_BUCKETS = 1 << 13  # hash fields in a slice: few enough to cost nothing, many enough to be short


class Filing(Protocol):
    """What the index must know of a claim (`core.dedup.merge.Claim` has it)."""

    @property
    def entry(self) -> str: ...
    @property
    def story(self) -> str: ...
    @property
    def fingerprint(self) -> Fingerprint: ...
    @property
    def weighed(self) -> frozenset[str] | None: ...


class Found(NamedTuple):
    """What a decision upon entries starts from."""

    candidates: dict[str, list[Candidate]]  # founders that share a key with an entry, oldest first
    names: dict[str, str]  # stories in which entries stood before a wipe: store/stories.py
    now: float  # the store's clock
    mark: str  # where the index stood: whatever is filed after that was not found


async def lookup(
    store: Store, entries: Mapping[str, Fingerprint], settings: DedupSettings
) -> dict[str, list[Candidate]]:
    """For each entry the founders that share a key with it, oldest first."""
    return (await look_up(store, entries, settings)).candidates


async def look_up(
    store: Store, entries: Mapping[str, Fingerprint], settings: DedupSettings
) -> Found:
    """All lookups before a decision, in one call."""
    pairs = [(entry, packed_keys(fingerprint)) for entry, fingerprint in entries.items()]
    arguments = [int(settings.window * 1000), *(part for pair in pairs for part in pair)]
    script = store.script("index", "index_lookup")
    now, mark, *told = await store.call(script, [keys.PREFIX], arguments)
    return Found(
        {entry: _candidates(flat) for entry, flat in zip(entries, told[1::2], strict=True)},
        {entry: name.decode() for entry, name in zip(entries, told[::2], strict=True) if name},
        now / 1000,
        mark.decode(),
    )


async def claim_then_lookup(
    store: Store, claims: Sequence[Filing], following: Fingerprint, settings: DedupSettings
) -> list[Candidate]:
    """File `claims` and look the next entry up in one trip.

    Only where no other process writes to the index: what claims had weighed is not checked again.
    """
    parts: list[bytes] = []

    def add(part: bytes) -> int:
        parts.append(part)
        return len(parts) + 3

    plan = orjson.dumps(claims_plan(claims, add))
    arguments = [int(settings.window * 1000), plan, packed_keys(following), *parts]
    script = store.script("index", "index_next")
    return _candidates(await store.call(script, [keys.PREFIX], arguments))


async def claim(store: Store, claims: Sequence[Filing]) -> list[str]:
    """File the founders among `claims`, alone and without a commit around them.

    Returns the entries that must be decided again; if there are any, nothing was written.
    """
    parts: list[bytes] = []

    def add(part: bytes) -> int:
        parts.append(part)
        return len(parts) + 1

    plan = orjson.dumps(claims_plan(claims, add))
    answer = await store.call(store.script("index", "index_claim"), [keys.PREFIX], [plan, *parts])
    return [entry.decode() for entry in answer]


def claims_plan(claims: Sequence[Filing], add: Callable[[bytes], int]) -> list[dict[str, Any]]:
    """`claims` as `index_unseen` and `index_claim` in index.lua take them.

    `add` puts a binary part among the script's arguments and returns its number. Reposts are
    checked but not filed: a story is found by what its founder holds, so stories never chain.
    """
    plans = []
    for each in claims:
        plan: dict[str, Any] = {"id": each.entry, "keys": add(packed_keys(each.fingerprint))}
        if each.weighed is not None:
            plan["weighed"] = add(b"".join(story_key(entry) for entry in sorted(each.weighed)))
        if each.entry == each.story:
            plan["story"] = add(story_key(each.story))
            plan["print"] = add(each.fingerprint.print.pack())
            plan["again"] = each.weighed is None
        plans.append(plan)
    return plans


def packed_keys(fingerprint: Fingerprint) -> bytes:
    """Kind, bucket and suffix of each key, 5 bytes a key."""
    headline = (fingerprint.headline_key,) if fingerprint.headline_key else ()
    kinds = ((b"a", fingerprint.anchors), (b"h", headline), (b"u", fingerprint.url_keys))
    return b"".join(kind + _place(key) for kind, hashes in kinds for key in hashes)


def story_key(entry: str) -> bytes:
    """The 16 bytes of an entry or story id."""
    return bytes.fromhex(entry.removeprefix(URN))


def _place(key: int) -> bytes:
    # The top bits of anchors are all zero: they are the smallest hashes of their entry.
    bucket, suffix = key % _BUCKETS, (key // _BUCKETS) % 65536
    return bucket.to_bytes(2, "big") + suffix.to_bytes(2, "big")


def _candidates(flat: list[bytes]) -> list[Candidate]:
    found = []
    for story, packed, met in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
        founder = URN + story.hex()
        found.append(
            Candidate(
                entry=founder,
                story=founder,
                print=Print.unpack(packed),
                anchors=met[0],
                same_headline=met[1] > 0,
                under_url=met[2],
            )
        )
    return found


assert PRINT_BYTES == 42  # noqa: S101 - as index.lua has it
