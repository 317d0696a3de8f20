"""Writes the result of one poll or one page in one script: everything or nothing.

Validators are written together with the entries of their document. Written earlier, they would lose
entries when the worker is killed, because the source would answer 304 from then on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.dedup.decide import Claim, StoryChange
from core.errors import LayoutMismatch
from core.models import Article, Decision, EntryRecord
from store import keys
from store.connection import Store
from store.entries import StoredArticle, kept_form, url_keys
from store.index import ClaimPlan, claim_plans
from store.layout import pack, pack_bytes, packed
from store.schedule import Lease, Queue
from store.sources import SourceState, dump_source

_MIGRATED = "the store was migrated by a newer Millrace; upgrade this one"


@dataclass(frozen=True)
class SourceWrite:
    """What a poll writes for its source."""

    name: str
    state: SourceState
    next_in: float  # seconds until it is due again
    # Digests of guids and of the entries under them; None: unchanged document.
    listed: Sequence[tuple[bytes, bytes]] | None = None
    items: bytes | None = None  # digests that recognise its items; None: unchanged
    learned: bytes | None = None
    tree: bytes | None = None  # what a folder held: `StoredFolder`


@dataclass(frozen=True)
class PageWait:
    """A pending entry, and the seconds until its page may be fetched."""

    entry: str
    seconds: float


@dataclass(frozen=True)
class Batch:
    """Everything that one job writes."""

    queue: Queue | None = None
    leases: Sequence[Lease] = ()  # none: not fenced (a command)
    entries: Sequence[EntryRecord] = ()
    fresh: frozenset[str] = frozenset()  # ids that must not exist yet
    stories: Sequence[StoryChange] = ()
    claims: Sequence[Claim] = ()
    mark: str | None = None  # where the index stood when the claims' candidates were found
    waits: Sequence[PageWait] = ()
    source: SourceWrite | None = None
    keep_seconds: float = 31 * 86400.0


@dataclass(frozen=True)
class Conflict:
    """Why a commit was refused: the data that the decision was based on has changed."""

    fenced: frozenset[str] = frozenset()  # names in leases that now have another holder
    exists: frozenset[str] = frozenset()  # ids of entries that were already written
    stories: frozenset[str] = frozenset()  # ids of stories that changed since they were read
    unseen: frozenset[str] = frozenset()  # ids of entries with candidates that were not compared


async def commit(store: Store, batch: Batch) -> Conflict | None:
    """Write `batch`; returns None, or why it was refused. Writing it twice does no harm."""
    shown = {c.story.representative: c.story.article for c in batch.stories}
    plan = Plan(
        layout=str(keys.LAYOUT_VERSION),
        changes_kept=keys.CHANGES_KEPT,
        fences=[_fence(lease, batch) for lease in batch.leases],
        entries=[_entry(record, batch, shown) for record in batch.entries],
        stories=[_story(change) for change in batch.stories],
        claims=claim_plans(batch.claims),
        source=_source(batch.source) if batch.source else None,
        mark=batch.mark,
    )
    answer = await store.call(store.script("index", "commit"), [], [packed(plan)])
    kind, *names = (part.decode() for part in answer)
    if kind == "layout":
        raise LayoutMismatch(_MIGRATED)
    return None if kind == "ok" else Conflict(**{kind: frozenset(names)})


@dataclass(frozen=True, slots=True)
class Plan:
    """One commit, as store/lua/commit.lua reads it."""

    layout: str  # version; refused by a store with another one
    changes_kept: int
    fences: Sequence[Fence]
    entries: Sequence[EntryPlan]
    stories: Sequence[StoryPlan]
    claims: Sequence[ClaimPlan]
    source: SourcePlan | None
    mark: str | None  # position of the index at the look-up of the claims' candidates


@dataclass(frozen=True, slots=True)
class Fence:
    """The lease of the work; the commit is refused unless its token is current."""

    schedule: str  # key of the sorted set
    state: str  # key of the hash that holds the token
    name: str
    token: str
    next: int | None = None  # ms until the source is due again; None for a page


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """An entry to write."""

    id: str
    key: str
    doc: bytes
    ttl: int  # seconds
    fresh: bool  # it must not exist yet
    urls: Sequence[str]  # keys under which it is found by address
    due: int | None = None  # ms until its page may be fetched; None: it waits for none


@dataclass(frozen=True, slots=True)
class StoryPlan:
    """A story to write; refused unless its stored version is `expect` (0: a new story)."""

    key: str
    id: str
    expect: int
    version: int
    kind: str  # of the element in the stream of changes
    doc: bytes
    displaced: str | None = None  # key of the entry that showed its article until now
    article: bytes | None = None  # that article, which goes back to it
    score: str | None = None  # place in the river, of a new story
    arrived: int | None = None  # ms, of a new story


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What a poll writes for its source; fields that are None stay as they are."""

    key: str
    seen_key: str
    learned_key: str
    state: bytes
    seen: bytes | None = None  # what it listed: layout LISTED of store/layout.py
    items: bytes | None = None
    tree: bytes | None = None
    learned: bytes | None = None


def _fence(lease: Lease, batch: Batch) -> Fence:
    assert batch.queue is not None  # noqa: S101 - a lease is of a queue
    return Fence(
        schedule=batch.queue.schedule,
        state=batch.queue.state_prefix + lease.name,
        name=lease.name,
        token=lease.token,
        next=int(batch.source.next_in * 1000) if batch.source else None,
    )


def _entry(record: EntryRecord, batch: Batch, shown: Mapping[str, Article]) -> EntryPlan:
    pending = record.decision is Decision.PENDING
    waits = [wait.seconds for wait in batch.waits if wait.entry == record.id and pending]
    return EntryPlan(
        id=record.id,
        key=keys.entry(record.id),
        doc=pack(kept_form(record, shown.get(record.id))),
        ttl=int(batch.keep_seconds),
        fresh=record.id in batch.fresh,
        urls=sorted(url_keys(record)),
        due=int(waits[0] * 1000) if waits else None,
    )


def _story(change: StoryChange) -> StoryPlan:
    story, before, new = change.story, change.before, change.expected == 0
    first_seen_ms = int(story.first_seen.timestamp() * 1000)
    return StoryPlan(
        key=keys.story(story.id),
        id=story.id,
        expect=change.expected,
        version=story.version,
        kind="new" if new else "changed",
        doc=pack(story),
        # A member that is no longer shown gets its article back from the story.
        displaced=keys.entry(before.representative) if before else None,
        article=pack(StoredArticle(article=before.article)) if before else None,
        score=f"{keys.river_score(first_seen_ms, story.order):.0f}" if new else None,
        arrived=int(story.arrived.timestamp() * 1000) if new else None,
    )


def _source(write: SourceWrite) -> SourcePlan:
    seen = None
    if write.listed is not None:
        seen = b"".join(guid + digest for guid, digest in write.listed)
    return SourcePlan(
        key=keys.source(write.name),
        seen_key=keys.seen(write.name),
        learned_key=keys.learned(write.name),
        state=dump_source(write.state),
        seen=seen,
        items=write.items,
        tree=None if write.tree is None else pack_bytes(write.tree),
        learned=write.learned,
    )


async def write_state(store: Store, lease: Lease, write: SourceWrite) -> bool:
    """Write the state of a source after a poll without news; False when its lease was lost."""
    return await store.gathered(_write_states, (lease, write))


async def _write_states(store: Store, polls: Sequence[tuple[Lease, SourceWrite]]) -> list[bool]:
    arguments: list[str | bytes | int] = [keys.LAYOUT_VERSION]
    arguments += [keys.source(""), keys.seen(""), keys.learned("")]
    for lease, write in polls:
        wait = int(write.next_in * 1000)
        arguments += [write.name, lease.token, wait, dump_source(write.state)]
    written = await store.call(
        store.script("write_states"), [keys.SCHEDULE, keys.LAYOUT], arguments
    )
    if not written:
        raise LayoutMismatch(_MIGRATED)
    return [bool(each) for each in written]
