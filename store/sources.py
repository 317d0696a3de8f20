"""The stored state of each source between two polls."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from pydantic import ConfigDict, Field

from core.dates import SourceClock
from core.errors import Phrase
from core.models import Frozen
from core.polling import RedirectWatch
from store import keys
from store.connection import Store, store_errors
from store.layout import pack_bytes, unpack_bytes

_SALT = "*"  # field of the salt among the digests; no source can have this name
_DIGEST = 16  # bytes
_AT_ONCE = 5000  # digests in one command
_STATES_AT_ONCE = 500
CLOCK_KEPT = 7 * 86_400.0  # seconds without a date in the future, after which its clock is trusted


class Poison(Frozen):
    """A document that exceeded its limits: retried a few times, then skipped."""

    body_hash: str
    version: str  # of Millrace; another version tries again
    tries: int = 1


class SourceState(Frozen):
    """One source between two polls. Times are Unix seconds of the store's clock."""

    model_config = ConfigDict(extra="ignore")  # earlier versions wrote fields that are gone

    url: str  # fetched now; differs from feeds.yaml after a permanent redirect or discovery
    configured_url: str  # in feeds.yaml; another address there starts a new state
    kind: str = "auto"  # found by `auto`: feed, github or page
    title: str | None = None  # of the feed document
    link: str | None = None  # of the site, from the feed document
    etag: str | None = None  # byte-exact, like all validators
    last_modified: str | None = None
    body_hash: str | None = None  # of the last complete document
    torn_hash: str | None = None  # of a truncated document; sent twice alike, it is used
    document: int = 0  # number of changed documents so far
    first_poll_done: bool = False
    last_poll: float | None = None
    last_success: float | None = None
    last_status: int | None = None
    last_error: str | None = None  # in English
    last_fault: tuple[Phrase, ...] = ()  # the same, for translation
    failures: int = 0  # consecutive
    strain: int = 0  # added for responses that used up a limit, reduced by good ones
    unreachable: int = 0  # those of `failures` without a connection
    refused: bool = False  # the last poll, by the address guard
    unresolved: bool = False  # at the last poll the host name had no address
    gone: bool = False  # answered 410 more than once
    interval: float | None = None  # seconds from the last poll to the next
    next_poll: float | None = None
    ttl: float = 0.0  # seconds, from its last document
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    redirect: RedirectWatch | None = None  # a permanent redirect that is not yet believed
    arrivals: tuple[float, ...] = ()  # publication times of its last new entries, newest last
    hub: str | None = None
    self_url: str | None = None
    entries: int = 0  # settled by polls so far
    awaited: int = 0  # entries so far that waited for their page or file
    first_published: int = 0  # stories it founded
    reposts: int = 0  # entries that joined another source's story
    day: int = 0  # days since 1970, of `day_entries`
    day_entries: int = 0  # entries of that day, counted for `max_per_day`
    day_new: int = 0  # new entries of that day
    day_letters: int = 0  # letters of their texts
    waiting: int = 0  # new entries of its last document that exceed the limits of a day
    discovered: bool = False  # `url` was named by the page at `configured_url`
    # Path -> guid of renamed articles, of a folder whose tree was not stored yet.
    renamed: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()  # tolerated faults of its last document
    whole_at: float | None = None  # when it last sent a whole document, not a 304
    clock_ahead: float = 0.0  # seconds by which its dates were ahead of our clock
    clock_at: float | None = None  # when that was last seen
    false_304: bool = False  # it answered 304 though its document had changed
    poison: Poison | None = None  # the last document that exceeded its limits

    def clock(self, now: float) -> SourceClock:
        """The time, and how far the source's clock is ahead of it, if that is still valid."""
        holds = self.clock_at is not None and now - self.clock_at < CLOCK_KEPT
        return SourceClock(now, self.clock_ahead if holds else 0.0)

    def gone_from(self, url: str) -> bool:
        """Whether the address in feeds.yaml answered 410; another address is tried."""
        return self.gone and self.configured_url == url


async def load_source(store: Store, name: str) -> SourceState | None:
    """The state of one source, or None before its first poll."""
    return (await load_sources(store, [name]))[0]


async def load_sources(store: Store, names: Sequence[str]) -> list[SourceState | None]:
    """The states of `names`, in that order."""
    states: list[SourceState | None] = []
    for start in range(0, len(names), _STATES_AT_ONCE):  # reading 50,000 in one go takes a second
        chunk = map(keys.source, names[start : start + _STATES_AT_ONCE])
        states += map(read_source, await store.field_of_each(chunk, "state"))
    return states


class Taken(NamedTuple):
    """Numbers of entries of one source, by decision."""

    entries: int = 0
    founders: int = 0  # of stories
    reposts: int = 0


async def count_taken(store: Store, counts: Mapping[str, Taken]) -> None:
    """Count entries that were settled after their poll, because their pages were read first.

    A poll writes its counts into the state of its source. Page jobs have no lease of the source and
    would overwrite the state of a concurrent poll, so their counts are stored beside it.
    """
    if counts:
        numbers = [number for taken in counts.values() for number in taken]
        await store.call(store.script("taken"), [keys.source(name) for name in counts], numbers)


async def load_taken(store: Store, names: Sequence[str]) -> list[Taken]:
    """The counts of `count_taken` for each of `names`, in that order."""
    fields = ["page_entries", "page_founders", "page_reposts"]
    with store_errors():
        pipe = store.redis.pipeline(transaction=False)
        for name in names:
            pipe.hmget(keys.source(name), fields)
        found = await pipe.execute()
    return [Taken(*(int(number or 0) for number in numbers)) for numbers in found]


async def lift_gone(store: Store, name: str) -> None:
    """Let a source be polled again although its address is gone; a running poll ignores it."""
    state = await load_source(store, name)
    if state is None or not state.gone:
        return
    lifted = state.model_copy(update={"gone": False, "last_status": None})
    with store_errors():
        await store.redis.hset(keys.source(name), "state", dump_source(lifted))


def read_source(stored: bytes | None) -> SourceState | None:
    """The state from its stored form."""
    return None if stored is None else SourceState.model_validate_json(stored, extra="ignore")


def dump_source(state: SourceState) -> bytes:
    """The stored form of a state."""
    return state.model_dump_json(exclude_defaults=True).encode()


async def load_learned(store: Store, name: str) -> bytes | None:
    """The boilerplate learned from a source."""
    with store_errors():
        learned: bytes | None = await store.redis.get(keys.learned(name))
    return learned


async def keep_learned(store: Store, name: str, learned: bytes) -> None:
    """Store boilerplate learned outside of a poll; of two concurrent writers the last one wins."""
    with store_errors():
        await store.redis.set(keys.learned(name), learned, keepttl=True)


class StoredFolder(NamedTuple):
    """The stored content of a folder, in the form of core/feeds/foldertree.py.

    An interrupted poll stores the trees that it had read, by their ids. The next poll need not read
    them again; they do not mark any file as seen.
    """

    tree: bytes | None  # the files that were read, written with their entries: store/commit.py
    reading: bytes | None  # trees that an interrupted poll had read


async def load_folder(store: Store, source: str) -> StoredFolder:
    """The stored content of a source's folder."""
    with store_errors():
        found = await store.redis.hmget(keys.source(source), ["tree", "reading"])
    return StoredFolder(*(None if part is None else unpack_bytes(part) for part in found))


async def keep_reading(store: Store, source: str, reading: bytes) -> None:
    """Store the trees that an interrupted poll had read."""
    with store_errors():
        await store.redis.hset(keys.source(source), "reading", pack_bytes(reading))


async def changed_lines(store: Store, lines: Mapping[str, str]) -> list[str]:
    """The names whose text differs from the last call; a new name does not count.

    The texts state the request settings of sources. Only salted digests are stored, because the
    settings include credentials.
    """
    salt = await _line_salt(store)
    digests = {
        name: hashlib.blake2b(text.encode(), digest_size=_DIGEST, key=salt).digest()
        for name, text in lines.items()
    }
    changed: list[str] = []
    names = list(digests)
    for start in range(0, len(names), _AT_ONCE):
        chunk = names[start : start + _AT_ONCE]
        changed += await _exchange_digests(store, chunk, [digests[name] for name in chunk])
    return changed


async def forget_lines(store: Store, names: Collection[str]) -> None:
    """Forget the lines of sources that were removed from feeds.yaml."""
    if names:
        with store_errors():
            await store.redis.hdel(keys.LINES, *names)


async def _exchange_digests(
    store: Store, names: Sequence[str], digests: Sequence[bytes]
) -> list[str]:
    with store_errors():
        before = await store.redis.hmget(keys.LINES, list(names))
    rows = list(zip(names, digests, before, strict=True))
    other = {name: digest for name, digest, known in rows if digest != known}
    if other:
        with store_errors():
            await store.redis.hset(keys.LINES, mapping=other)
    return [name for name, digest, known in rows if known is not None and digest != known]


async def _line_salt(store: Store) -> bytes:
    with store_errors():
        await store.redis.hsetnx(keys.LINES, _SALT, secrets.token_bytes(_DIGEST))
        salt: bytes = await store.redis.hget(keys.LINES, _SALT)
    return salt
