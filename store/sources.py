"""What is remembered of each source between two polls."""

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
from store.plan import pack_bytes, unpack_bytes

_SALT = "*"  # field of the salt among the digests; no source can have this name
_DIGEST = 16  # bytes
_AT_ONCE = 5000  # digests in one command
_STATES_AT_ONCE = 500
CLOCK_KEPT = 7 * 86_400.0  # seconds without a date in the future: then its clock was set right


class Poison(Frozen):
    """A document that ran into its limits: tried a few times, then set aside."""

    body_hash: str
    version: str  # of Millrace; another one tries again
    tries: int = 1


class SourceState(Frozen):
    """One source between two polls. Times are seconds of the store's clock."""

    model_config = ConfigDict(extra="ignore")  # states of earlier versions have fields that went

    url: str  # where it is fetched now; differs from feeds.yaml after a permanent redirect
    configured_url: str  # what feeds.yaml said; another one there starts a new state
    kind: str = "auto"  # what `auto` found: feed, github or page
    title: str | None = None  # of the feed document
    link: str | None = None  # of the site, as the feed document names it
    etag: str | None = None  # byte-exact, as all validators
    last_modified: str | None = None
    body_hash: str | None = None  # of the last complete document
    torn_hash: str | None = None  # of a document that broke off; the same again is all there is
    document: int = 0  # number of the last complete document; guids not in it age
    first_poll_done: bool = False
    last_poll: float | None = None
    last_success: float | None = None
    last_status: int | None = None
    last_error: str | None = None  # in words, for people
    last_fault: tuple[Phrase, ...] = ()  # the same, for pages in other languages than English
    failures: int = 0  # in a row
    strain: int = 0  # by answers that used up a limit; a good answer takes one off
    unreachable: int = 0  # of these, how often no connection was made
    refused: bool = False  # by the address guard, last time
    unresolved: bool = False  # the name of its host had no address, last time
    gone: bool = False  # 410, confirmed
    interval: float | None = None  # seconds between the last two plans
    next_poll: float | None = None
    ttl: float = 0.0  # seconds; what its document wishes, kept for answers without one
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    redirect: RedirectWatch | None = None  # a permanent redirect that is being watched
    arrivals: tuple[float, ...] = ()  # when its last new entries were published, newest last
    hub: str | None = None
    self_url: str | None = None
    entries: int = 0  # taken in so far
    awaited: int = 0  # taken in so far whose page or file was still to be read
    first_published: int = 0  # stories it founded
    reposts: int = 0  # entries that joined another source's story
    day: int = 0  # since 1970, of `day_entries`
    day_entries: int = 0  # taken in that day, counted for `max_per_day`
    discovered: bool = False  # `url` was named by the page at `configured_url`
    # Path -> guid of renamed articles of a folder whose tree was not remembered yet.
    renamed: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was put up with in its last document, for people
    whole_at: float | None = None  # when it last sent a whole document, and not a 304
    clock_ahead: float = 0.0  # seconds by which its dates were ahead of our clock
    clock_at: float | None = None  # when that was seen last
    false_304: bool = False  # it said "unchanged" of a document that had changed
    poison: Poison | None = None  # the document that could not be read within its limits

    def clock(self, now: float) -> SourceClock:
        """The time, and how far the source is ahead of it, as far as that still holds."""
        holds = self.clock_at is not None and now - self.clock_at < CLOCK_KEPT
        return SourceClock(now, self.clock_ahead if holds else 0.0)

    def gone_from(self, url: str) -> bool:
        """Whether the address that feeds.yaml gives is gone for good; another one is tried."""
        return self.gone and self.configured_url == url


async def load_source(store: Store, name: str) -> SourceState | None:
    """The state of one source, or None before its first poll."""
    return (await load_sources(store, [name]))[0]


async def load_sources(store: Store, names: Sequence[str]) -> list[SourceState | None]:
    """The states of `names`, in that order."""
    states: list[SourceState | None] = []
    for start in range(0, len(names), _STATES_AT_ONCE):  # reading 50,000 in one go takes a second
        with store_errors():
            pipe = store.redis.pipeline(transaction=False)
            for name in names[start : start + _STATES_AT_ONCE]:
                pipe.hget(keys.source(name), "state")
            found = await pipe.execute()
        states += [read_source(raw) for raw in found]
    return states


class Taken(NamedTuple):
    """Entries of one source, by what became of them."""

    entries: int = 0
    founders: int = 0  # of stories
    reposts: int = 0


async def count_taken(store: Store, counts: Mapping[str, Taken]) -> None:
    """Add up entries that were settled after the poll that brought them: their pages came later.

    A poll writes its own counts into the state of its source. Pages hold no lease of the source
    and would overwrite what a poll under way writes, so theirs lie beside the state.
    """
    if counts:
        numbers = [number for taken in counts.values() for number in taken]
        await store.call(store.script("taken"), [keys.source(name) for name in counts], numbers)


async def load_taken(store: Store, names: Sequence[str]) -> list[Taken]:
    """What `count_taken` added up for each of `names`, in that order."""
    fields = ["page_entries", "page_founders", "page_reposts"]
    with store_errors():
        pipe = store.redis.pipeline(transaction=False)
        for name in names:
            pipe.hmget(keys.source(name), fields)
        found = await pipe.execute()
    return [Taken(*(int(number or 0) for number in numbers)) for numbers in found]


async def lift_gone(store: Store, name: str) -> None:
    """Have a source polled again although its address is gone; a poll under way is not told."""
    state = await load_source(store, name)
    if state is None or not state.gone:
        return
    lifted = state.model_copy(update={"gone": False, "last_status": None})
    with store_errors():
        await store.redis.hset(keys.source(name), "state", dump_source(lifted))  # type: ignore[misc, arg-type]


def read_source(stored: bytes | None) -> SourceState | None:
    """The state that lies in the store."""
    return None if stored is None else SourceState.model_validate_json(stored, extra="ignore")


def dump_source(state: SourceState) -> bytes:
    """The form in which a state lies in the store."""
    return state.model_dump_json(exclude_defaults=True).encode()


async def load_learned(store: Store, name: str) -> bytes | None:
    """The boilerplate learned from a source."""
    with store_errors():
        learned: bytes | None = await store.redis.get(keys.learned(name))
    return learned


async def keep_learned(store: Store, name: str, learned: bytes) -> None:
    """Keep the boilerplate learned outside of a poll; of two writers one lesson is lost."""
    with store_errors():
        await store.redis.set(keys.learned(name), learned, keepttl=True)


class StoredFolder(NamedTuple):
    """What a folder of files held, as `core/feeds/foldertree.py` wrote it.

    The parts that a poll had read before it was cut short are known by their ids, so that the next
    poll need not read them again, and vouch for nothing.
    """

    tree: bytes | None  # what was accounted for, written with the entries: `store/commit.py`
    reading: bytes | None  # parts that a poll had read before it was cut short


async def load_folder(store: Store, source: str) -> StoredFolder:
    """What is remembered of the folder of a source."""
    with store_errors():
        found = await store.redis.hmget(keys.source(source), ["tree", "reading"])  # type: ignore[misc]
    return StoredFolder(*(None if part is None else unpack_bytes(part) for part in found))


async def keep_reading(store: Store, source: str, reading: bytes) -> None:
    """Keep what a poll that was cut short had read."""
    with store_errors():
        await store.redis.hset(keys.source(source), "reading", pack_bytes(reading))  # type: ignore[misc, arg-type]


async def changed_lines(store: Store, lines: Mapping[str, str]) -> list[str]:
    """The names whose text is another than at the last call; a name never seen is not changed.

    The texts say what decides the requests of a source. Only digests are kept, keyed by a salt of
    the store's own: what goes in holds credentials.
    """
    salt = await _line_salt(store)
    digests = {name: _line_digest(text, salt) for name, text in lines.items()}
    changed: list[str] = []
    names = list(digests)
    for start in range(0, len(names), _AT_ONCE):
        chunk = names[start : start + _AT_ONCE]
        changed += await _exchange_digests(store, chunk, [digests[name] for name in chunk])
    return changed


async def forget_lines(store: Store, names: Collection[str]) -> None:
    """Forget the lines of sources that left feeds.yaml."""
    if names:
        with store_errors():
            await store.redis.hdel(keys.LINES, *names)  # type: ignore[misc]


async def _exchange_digests(
    store: Store, names: Sequence[str], digests: Sequence[bytes]
) -> list[str]:
    with store_errors():
        before = await store.redis.hmget(keys.LINES, list(names))  # type: ignore[misc]
    rows = list(zip(names, digests, before, strict=True))
    other = {name: digest for name, digest, known in rows if digest != known}
    if other:
        with store_errors():
            await store.redis.hset(keys.LINES, mapping=other)  # type: ignore[misc]
    return [name for name, digest, known in rows if known is not None and digest != known]


async def _line_salt(store: Store) -> bytes:
    with store_errors():
        await store.redis.hsetnx(keys.LINES, _SALT, secrets.token_bytes(_DIGEST))  # type: ignore[misc, arg-type]
        salt: bytes = await store.redis.hget(keys.LINES, _SALT)  # type: ignore[misc]
    return salt


def _line_digest(text: str, salt: bytes) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST, key=salt).digest()
