"""The duplicate index in the store: who might an entry repeat, and filing what is new.

Looking up is separate from filing so that the decision can be made in `core/dedup/decide.py`.
Filing refuses when a founder appeared that the decision had not weighed; then it is made again,
so that find-or-claim is one step as far as anybody can see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from core.config.settings import DedupSettings
from core.dedup.fingerprint import Fingerprint, StoredFingerprint
from core.dedup.prints import Candidate
from core.ids import PREFIX as URN
from store.connection import Store
from store.plan import ClaimPlan, packed
from store.scripts import KEY

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


async def look_up(
    store: Store, entries: Mapping[str, Fingerprint], settings: DedupSettings
) -> Found:
    """All lookups before a decision, in one call."""
    pairs = [(entry, packed_keys(fingerprint)) for entry, fingerprint in entries.items()]
    arguments = [int(settings.window * 1000), *(part for pair in pairs for part in pair)]
    script = store.script("index", "index_lookup")
    now, mark, *told = await store.call(script, [], arguments)
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
    window, following_keys = int(settings.window * 1000), packed_keys(following)
    arguments = [window, packed(claim_plans(claims)), following_keys]
    return _candidates(await store.call(store.script("index", "index_next"), [], arguments))


async def claim(store: Store, claims: Sequence[Filing]) -> list[str]:
    """File the founders among `claims`, alone and without a commit around them.

    Returns the entries that must be decided again; if there are any, nothing was written.
    """
    script = store.script("index", "index_claim")
    answer = await store.call(script, [], [packed(claim_plans(claims))])
    return [entry.decode() for entry in answer]


def claim_plans(claims: Sequence[Filing]) -> list[ClaimPlan]:
    """`claims` as the scripts take them.

    Reposts are checked but not filed: a story is found by what its founder holds, so stories never
    chain.
    """
    return [_claim_plan(each, founder=each.entry == each.story) for each in claims]


def _claim_plan(claim: Filing, *, founder: bool) -> ClaimPlan:
    weighed = claim.weighed
    return ClaimPlan(
        id=claim.entry,
        keys=packed_keys(claim.fingerprint),
        weighed=None if weighed is None else [story_key(entry) for entry in sorted(weighed)],
        story=story_key(claim.story) if founder else None,
        print=claim.fingerprint.print.pack() if founder else None,
        again=weighed is None if founder else None,
    )


def packed_keys(fingerprint: Fingerprint) -> bytes:
    """Each key of an entry in the layout KEY."""
    headline = (fingerprint.headline_key,) if fingerprint.headline_key else ()
    kinds = ((b"a", fingerprint.minhashes), (b"h", headline), (b"u", fingerprint.url_keys))
    return b"".join(kind + _place(key) for kind, hashes in kinds for key in hashes)


def story_key(entry: str) -> bytes:
    """The bytes of an entry or story id."""
    return bytes.fromhex(entry.removeprefix(URN))


def _place(key: int) -> bytes:
    # The top bits of minhash keys are all zero: they are the smallest hashes of their entry.
    bucket, suffix = key % _BUCKETS, (key // _BUCKETS) % (1 << 8 * KEY["suffix"])
    return bucket.to_bytes(KEY["bucket"], "big") + suffix.to_bytes(KEY["suffix"], "big")


def _candidates(flat: list[bytes]) -> list[Candidate]:
    found = []
    for story, print_, met in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
        founder = URN + story.hex()
        found.append(
            Candidate(
                entry=founder,
                story=founder,
                print=StoredFingerprint.unpack(print_),
                minhashes=met[0],
                same_headline=met[1] > 0,
                under_url=met[2],
            )
        )
    return found
