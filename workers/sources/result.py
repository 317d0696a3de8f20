"""What the poll of a source needs and what it gives, whatever its kind: feed, folder or listing."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ResourceLimit
from core.models import ParsedFeed
from core.pipeline import Prepared
from core.polling import Wishes
from store.connection import Store
from store.sources import SourceState
from workers.http.client import Fetcher
from workers.sandbox.documents import Reader
from workers.sandbox.pool import Sandbox

NO_WISHES = Wishes()
POISON_TRIES = 3  # by one version; then the document is set aside until it changes


@dataclass(frozen=True)
class Asking:
    """What a poll works with."""

    store: Store
    fetcher: Fetcher
    sandbox: Sandbox
    reader: Reader
    now: float  # the store's clock
    version: str  # of Millrace: another one tries documents again that were set aside


@dataclass(frozen=True)
class Polled:
    """One answer of a source."""

    status: int  # 200, or 304 where nothing changed
    url: str  # where the answer came from in the end
    feed: ParsedFeed | None  # None: nothing changed
    prepared: Prepared | None = None  # what is new in it, where that was told when it was read
    etag: str | None = None  # to be kept byte-exact; None: none was given
    last_modified: str | None = None
    body_hash: str | None = None
    permanent_redirect: str | None = None
    wishes: Wishes = NO_WISHES
    seconds: float = 0.0  # until the last byte
    size: int = 0  # decoded bytes
    kind: str | None = None  # what `auto` found
    found_at: str | None = None  # the feed's own address, where another page led there
    push: tuple[str, bytes] | None = None  # what a hub sent, in place of an answer
    tree: bytes | None = None  # of a folder: what it held, to be remembered
    hub: str | None = None
    self_url: str | None = None
    notes: tuple[str, ...] = ()  # what was put up with, for people
    whole: bool = False  # it was fetched without validators after answers of 304


class Poisoned(ResourceLimit):
    """A document that ran into its limits, with the hash by which it is known again."""

    def __init__(self, message: str, *, body_hash: str) -> None:
        super().__init__(message)
        self.body_hash = body_hash


def is_set_aside(state: SourceState, body_hash: str, version: str) -> bool:
    """Whether this very document was tried often enough by this very version."""
    poison = state.poison
    return (
        poison is not None
        and (poison.body_hash, poison.version) == (body_hash, version)
        and poison.tries >= POISON_TRIES
    )
