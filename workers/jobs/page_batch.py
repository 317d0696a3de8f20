"""What pages read at about the same moment share: one commit, and what they teach."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import structlog

from core.body.boilerplate import Boilerplate
from core.errors import StoreError
from store.connection import Store
from store.sources import keep_learned, load_learned

MOMENT = 0.2  # seconds
MOST = 20  # that go together


class Company:
    """Pages that are being read, and those that are read and wait."""

    def __init__(self) -> None:
        self._under_way = 0
        self._numbers = count()
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """A page is in a child's hands: it is worth waiting for."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._go()

    async def gather(self) -> int:
        """Return when no other page is under way, when enough wait, or after a moment.

        Returned is its number in the order in which pages came.
        """
        number = next(self._numbers)
        if not self._under_way:
            return number
        loop = asyncio.get_running_loop()
        mine = loop.create_future()
        self._waiting.append(mine)
        if len(self._waiting) >= MOST:
            self._go()
        elif self._timer is None:
            self._timer = loop.call_later(MOMENT, self._go)
        await mine
        return number

    def _go(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for each in self._waiting:
            if not each.done():
                each.set_result(None)
        self._waiting.clear()


TELL_SECONDS = 1.0
_FRESH_SECONDS = 30.0  # for which what was read from the store is good enough
_MOST = 200  # sources that are remembered

log = structlog.get_logger()


class Lessons:
    """The learned boilerplate of the sources whose pages a worker reads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        self._untold: dict[str, list[tuple[int, ...]]] = {}
        self._telling: asyncio.Task[None] | None = None

    async def of(self, source: str) -> bytes | None:
        """What was learned from a source, some seconds old at most."""
        until, learned = self._known.get(source, (0.0, None))
        if until < time.monotonic():
            learned = await load_learned(self._store, source)
            self._keep(source, learned)
        return learned

    def teach(self, source: str, signatures: tuple[int, ...]) -> None:
        """Take one more page into account, soon."""
        self._untold.setdefault(source, []).append(signatures)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_soon())

    async def _tell_soon(self) -> None:
        await asyncio.sleep(TELL_SECONDS)
        await self.tell_now()

    async def tell_now(self) -> None:
        """Write what was not told yet."""
        untold, self._untold = self._untold, {}
        try:
            for source, pages in untold.items():
                known = Boilerplate.from_bytes(await load_learned(self._store, source))
                for signatures in pages:
                    known.learn(signatures)
                self._keep(source, known.to_bytes())
                await keep_learned(self._store, source, known.to_bytes())
        except StoreError as error:
            log.warning("lessons.lost", reason=str(error))

    def _keep(self, source: str, learned: bytes | None) -> None:
        self._known[source] = (time.monotonic() + _FRESH_SECONDS, learned)
        self._known.move_to_end(source)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
