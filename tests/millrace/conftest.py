"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.origin import Origin


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """A scripted origin."""
    async with Origin() as started:
        yield started
