"""A reader that never stops reading, and notes every answer that is not what it should be."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from lxml import etree

FORMATS = ("json", "xml", "atom")


class Reader:
    """Reads all formats in turn; `faults` holds what was wrong, `ids` what was promised."""

    def __init__(self, address: str) -> None:
        self.faults: list[str] = []
        self.ids: dict[str, str] = {}  # path of a member -> id of the story it stood in
        self.answers = 0
        self.loading = 0  # 503 of a process that had not read the window yet
        self._address = address
        self._loaded = False

    async def read(self) -> None:
        """Read until cancelled."""
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                for name in FORMATS:
                    # A process killed in the middle gives no answer, and promised none.
                    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                        await self._read(session, name)
                    await asyncio.sleep(0.1)

    async def everything(self) -> list[dict[str, Any]]:
        """The whole feed; empty when there was no answer."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
                session.get(f"{self._address}/feed.json?limit=10000") as answer,
            ):
                if answer.status != 200:
                    return []
                items: list[dict[str, Any]] = json.loads(await answer.read())["items"]
                return items
        except (aiohttp.ClientError, TimeoutError):
            return []

    async def _read(self, session: aiohttp.ClientSession, name: str) -> None:
        async with session.get(f"{self._address}/feed.{name}?limit=1000") as answer:
            body = await answer.read()
        self.answers += 1
        if answer.status == 503:
            self.loading += 1
        elif answer.status != 200:
            self.faults.append(f"feed.{name}: {answer.status}")
        elif name == "json":
            self._note(json.loads(body)["items"])
        else:
            self._parse(name, body)

    def _parse(self, name: str, body: bytes) -> None:
        try:
            etree.fromstring(body)
        except etree.XMLSyntaxError as error:
            self.faults.append(f"feed.{name}: ill-formed: {error}")

    def _note(self, items: list[dict[str, Any]]) -> None:
        listed = [item["id"] for item in items]
        if len(set(listed)) != len(listed):
            self.faults.append("an id stands twice in one answer")
        for item in items:
            for member in item["_millrace"]["sources"]:
                path = urlsplit(member["url"]).path
                if self.ids.setdefault(path, item["id"]) != item["id"]:
                    self.faults.append(f"{path} moved from {self.ids[path]} to {item['id']}")
                    self.ids[path] = item["id"]
