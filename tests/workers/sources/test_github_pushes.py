from __future__ import annotations

import pytest

from store.connection import Store
from tests.github_pushes import run
from tests.origin import Origin
from workers.sandbox.pool import Sandbox


@pytest.mark.parametrize("seed", [2, 5])  # with whole recursive trees, and with cut ones
async def test_no_article_is_lost_doubled_or_overwritten_by_another(
    store: Store, sandbox: Sandbox, origin: Origin, seed: int
) -> None:
    account, figures = await run(store, sandbox, origin, files=60, pushes=3, seed=seed)

    assert figures["published"] == figures["added"] > 20
    assert (figures["doubled"], figures["wrongly updated"]) == (0, 0)
    assert account.requests["unchanged"] == account.occasions["unchanged"]
