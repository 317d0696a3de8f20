"""The options that several commands share, each with its environment variable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = "feeds.yaml"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
DEFAULT_DATA = Path("data")

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
        help="A store of your own: redis://, rediss://, unix://, redis+sentinel://.",
    ),
]
