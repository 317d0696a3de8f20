"""The local origin of webhooks and hub content in these tests, and a worker that may reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from tests.origin import Origin
from tests.service.conftest import Served
from tests.workers.desk import Desk, desk_for, settings_for


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with Origin() as opened:
        yield opened


@pytest.fixture
async def desk(served: Served, origin: Origin) -> AsyncIterator[Desk]:
    settings = settings_for(allow_private=[origin.allowance, f"localhost:{origin.port}"])
    async with desk_for(served.store, cast(Any, None), settings) as made:
        yield made
