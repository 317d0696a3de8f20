"""The duplicate index in the store: look-up of candidates, filing of founders, text frequencies."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.config.settings import DedupSettings
from core.dedup.decide import Claim
from core.dedup.fingerprint import Fingerprint, StoredFingerprint
from core.dedup.idf import NO_DELTA, Idf
from core.dedup.prints import StoryCandidate
from core.ids import PREFIX as URN
from store import keys
from store.connection import Store, store_errors
from store.layout import KEY, packed

_PUSHES_PER_TABLE = 200
_AT_ONCE = 200  # deltas read in one call


class SharedIdf:
    """The frequency table of this process, shared with others. Await `open()` once."""

    def __init__(self, store: Store) -> None:
        self.idf = Idf.warm()
        self._store = store
        self._name = secrets.token_bytes(8)
        self._position = b"0"
        self._pushes = 0

    async def open(self) -> None:
        """Load the table that earlier workers learned."""
        with store_errors():
            saved = await self._store.redis.get(keys.IDF_TABLE)
        if saved is not None:
            position, _, table = saved.partition(b"\n")
            self.idf, self._position = Idf.from_bytes(table), position
        await self.pull()

    async def pull(self) -> None:
        """Read what other workers learned since the last call."""
        while True:
            with store_errors():
                answer = await self._store.redis.xread(
                    {keys.IDF_DELTAS: self._position}, count=_AT_ONCE
                )
            if not answer:
                return
            for position, fields in answer[0][1]:
                self._position = position
                if fields[b"by"] != self._name:
                    self.idf.merge(fields[b"slots"])
                    self.idf.standing.learn(fields.get(b"standing", b""), alone=True)

    async def push(self) -> None:
        """Write what this worker learned since the last call."""
        delta, standing = self.idf.take_delta(), self.idf.standing.take_learned()
        if not delta and not standing:
            return
        with store_errors():
            await self._store.redis.xadd(
                keys.IDF_DELTAS,
                {b"by": self._name, b"slots": delta or NO_DELTA, b"standing": standing},
                maxlen=keys.IDF_DELTAS_KEPT,
                approximate=True,
            )
        self._pushes += 1
        if self._pushes % _PUSHES_PER_TABLE == 0:
            await self.pull()
            table = self._position + b"\n" + self.idf.to_bytes()
            with store_errors():
                await self._store.redis.set(keys.IDF_TABLE, table, ex=keys.IDF_DAYS * 86400)


_BUCKETS = 1 << 13  # hash fields in a slice: few enough to cost nothing, many enough to be short


class LookupResult(NamedTuple):
    """The result of a look-up, on which a decision is based."""

    # By entry: the founders that share a key with it, oldest first.
    candidates: dict[str, list[StoryCandidate]]
    names: dict[str, str]  # stories in which entries stood before a wipe: store/entries.py
    now: float  # the store's clock
    mark: str  # where the index stood: whatever is filed after that was not found


async def look_up(
    store: Store, entries: Mapping[str, Fingerprint], settings: DedupSettings
) -> LookupResult:
    """All look-ups for a decision, in one call."""
    pairs = [(entry, packed_keys(fingerprint)) for entry, fingerprint in entries.items()]
    arguments = [int(settings.window * 1000), *(part for pair in pairs for part in pair)]
    script = store.script("index", "index_lookup")
    now, mark, *found = await store.call(script, [], arguments)
    return LookupResult(
        {entry: _candidates(flat) for entry, flat in zip(entries, found[1::2], strict=True)},
        {entry: name.decode() for entry, name in zip(entries, found[::2], strict=True) if name},
        now / 1000,
        mark.decode(),
    )


async def claim_then_lookup(
    store: Store, claims: Sequence[Claim], following: Fingerprint, settings: DedupSettings
) -> list[StoryCandidate]:
    """File `claims` and look up the next entry in one call.

    Only when no other process writes to the index: the claims are not checked for conflicts.
    """
    window, following_keys = int(settings.window * 1000), packed_keys(following)
    arguments = [window, packed(claim_plans(claims)), following_keys]
    return _candidates(await store.call(store.script("index", "index_next"), [], arguments))


async def claim(store: Store, claims: Sequence[Claim]) -> list[str]:
    """File the founders among `claims`, without a commit of entries.

    Returns the entries that must be decided again; if there are any, nothing was written.
    """
    script = store.script("index", "index_claim")
    answer = await store.call(script, [], [packed(claim_plans(claims))])
    return [entry.decode() for entry in answer]


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """A decided entry: checked against founders filed since its look-up; a founder is filed."""

    id: str
    keys: bytes  # layout KEY of store/layout.py
    weighed: Sequence[bytes] | None = None  # the 16 bytes of each founder; None: not checked
    story: bytes | None = None  # 16 bytes; None: a repost, which is not filed
    print: bytes | None = None
    again: bool | None = None  # a founder's later text, filed if it needs keys of its own


def claim_plans(claims: Sequence[Claim]) -> list[ClaimPlan]:
    """`claims` as arguments of the scripts.

    Reposts are checked but not filed: a story is found only by its founder, so stories do not form
    chains.
    """
    return [_claim_plan(each, founder=each.entry == each.story) for each in claims]


def _claim_plan(claim: Claim, *, founder: bool) -> ClaimPlan:
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
    """The keys of an entry in the layout KEY."""
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


def _candidates(flat: list[bytes]) -> list[StoryCandidate]:
    found = []
    for story, print_, met in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
        founder = URN + story.hex()
        found.append(
            StoryCandidate(
                entry=founder,
                story=founder,
                print=StoredFingerprint.unpack(print_),
                minhashes=met[0],
                same_headline=met[1] > 0,
                under_url=met[2],
            )
        )
    return found
