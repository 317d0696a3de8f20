"""The events of /stream as bytes: each is rendered once and shared by all readers.

Rendered for each reader, one poll of 20 entries of 5 kB blocked the event loop for 1.8 s with
1,000 readers; shared, the cost of an event does not depend on how many read it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import orjson

from core.config.settings import Settings
from core.render.jsonfeed import item_fields
from service.feeds.formats import Style, item_of, style_of
from service.feeds.query import FeedQuery
from service.pages.pictures import proxy_of
from service.window import Kept, River
from store.stories import Change

# Of rendered events. Readers that keep up ask for the same few; one event is 1 to 200 kB.
BYTES_KEPT = 16 * 2**20

Key = tuple[str, bool, str]  # position, whether without the body, address of the service


class Events:
    """Renders the changes of a river, one at a time and beside the event loop."""

    def __init__(self, river: River) -> None:
        self._river = river
        self._settings: Settings | None = None
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0
        self._rendering: dict[Key, asyncio.Task[bytes | None]] = {}
        self._turn = asyncio.Lock()
        self.renders = 0

    async def event(
        self, change: Change, settings: Settings, *, base: str, summary: bool = False
    ) -> bytes | None:
        """`change` as an event; None where there is nothing to tell.

        `base`: the address under which the reader sees this service. A story is shown as it is
        now. One that a change names and that is not in the window is not called removed: only a
        change that says so means that the store no longer has it.
        """
        kept = self._river.find(change.story)
        if change.kind == "removed" and kept is None:
            return event("removed", change.id, {"id": change.story})
        if change.kind == "removed" or kept is None:
            return None  # it came back since, or a later change removes it
        if settings is not self._settings:
            self._settings = settings
            self._kept.clear()
            self._bytes = 0
        proxy = proxy_of(settings, self._river.secret, base)
        key = (change.id, summary, base if proxy else "")
        made = self._kept.get(key)
        if made is not None:
            self._kept.move_to_end(key)
            return made
        task = self._rendering.get(key)
        if task is None:
            style = style_of(settings, FeedQuery(summary=summary), proxy=proxy)
            task = asyncio.create_task(self._render(key, change, kept, style))
            self._rendering[key] = task
        return await asyncio.shield(task)  # one reader that leaves does not end it for the others

    async def _render(self, key: Key, change: Change, kept: Kept, style: Style) -> bytes | None:
        settings = self._settings
        try:
            async with self._turn:
                made = await asyncio.to_thread(_rendered, change, kept, style)
            self.renders += 1
            if settings is self._settings:
                self._keep(key, made)
        finally:
            del self._rendering[key]
        return made

    def _keep(self, key: Key, made: bytes) -> None:
        self._kept[key] = made
        self._bytes += len(made)
        while self._bytes > BYTES_KEPT and len(self._kept) > 1:
            self._bytes -= len(self._kept.popitem(last=False)[1])


def event(name: str | None, where: str, fields: object) -> bytes:
    """One event as it is sent.

    New and changed entries carry no event name: that is what `onmessage` receives.
    """
    kind = f"event: {name}\n".encode() if name else b""
    return b"id: " + where.encode() + b"\n" + kind + b"data: " + orjson.dumps(fields) + b"\n\n"


def _rendered(change: Change, kept: Kept, style: Style) -> bytes:
    fields = item_fields(item_of(kept, style))
    fields["_millrace"]["change"] = change.kind
    return event(None, change.id, fields)
