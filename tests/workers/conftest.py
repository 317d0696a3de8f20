"""The worker's tools that tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.origin import Origin
from workers.sandbox.pool import Sandbox


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """A scripted origin."""
    async with Origin() as started:
        yield started


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """One child for strangers' documents."""
    opened = Sandbox(children=1)
    await opened.start()
    yield opened
    await opened.close()
