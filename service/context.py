"""What the handlers of one running service share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from core.config.settings import Settings
from service.window import River
from store.connection import Store


@dataclass
class Context:
    """Made once by `make_app`; settings are read again at each use, for they change."""

    store: Store
    settings: Callable[[], Settings]
    config_fault: Callable[[], str | None]
    river: River
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    draining: bool = False


CONTEXT = web.AppKey("context", Context)
