"""The options that several commands share, each with its environment variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from store.address import store_address

DEFAULT_CONFIG = "feeds.yaml"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
DEFAULT_DATA = Path("data")


def _store_address(url: str | None) -> str | None:
    """An empty variable counts as unset; anything else must be a store's address."""
    return store_address(url, os.environ) if url else None


Config = Annotated[
    str, typer.Option(envvar="MILLRACE_CONFIG", metavar="F", help="The list of sources.")
]
Host = Annotated[
    str, typer.Option(envvar="MILLRACE_HOST", metavar="H", help="Address to listen on.")
]
Port = Annotated[
    int,
    typer.Option(
        envvar="MILLRACE_PORT", metavar="P", min=0, max=65535, help="Port; 0: any free one."
    ),
]
Data = Annotated[
    Path,
    typer.Option(envvar="MILLRACE_DATA", metavar="DIR", help="Folder of the private store."),
]
Redis = Annotated[
    str | None,
    typer.Option(
        envvar="REDIS_URL",
        metavar="URL",
        show_envvar=True,
        callback=_store_address,
        help="A store of your own: redis://, rediss://, unix://, redis+sentinel://.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For machines: JSON instead of text.")]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option("--log-level", envvar="MILLRACE_LOG_LEVEL", help="Lowest level that is logged."),
]
