"""A real Chromium on the real service; skipped where one of the two is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Served, serve, served  # fixtures

__all__ = ["serve", "served"]

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = Path(os.environ.get("MILLRACE_SCREENSHOTS", "build/screenshots"))
PHONE, DESK = 390, 1440


@dataclass
class Visitor:
    """One open page, with every complaint that its console made."""

    page: Any
    root: str
    complaints: list[str] = field(default_factory=list)

    async def go(self, path: str) -> None:
        """Open a page of the service."""
        await self.page.goto(self.root + path)

    async def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    async def picture(self, name: str) -> None:
        """Keep what is seen."""
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    async with playwright.async_playwright() as driver:
        started = await driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        await started.close()


@pytest.fixture
async def visit(browser: Any, served: Served) -> Any:
    """Opens a window of a width: `await visit(PHONE)`."""

    async def open_window(width: int, **options: Any) -> Visitor:
        window = await browser.new_context(viewport={"width": width, "height": 844}, **options)
        page = await window.new_page()
        visitor = Visitor(page, str(served.client.make_url("")).rstrip("/"))
        page.on(
            "console",
            lambda message: (
                visitor.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        return visitor

    return open_window
