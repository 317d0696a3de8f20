"""Standard error: logs, one event a line, as text for people or JSON for machines, without secrets;
and a progress bar on a terminal.

Logs contain titles and addresses from other sites, so control characters are escaped: outsiders
cannot forge a line.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

import structlog
from structlog.typing import Processor

from core.errors import ConfigError
from core.urls import for_logs

if TYPE_CHECKING:
    from rich.progress import Progress

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]
LEVEL_VARIABLE = "MILLRACE_LOG_LEVEL"
PROCESS_VARIABLE = "MILLRACE_PROCESS"  # set by a supervisor for its children, who share one log

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SECRET_NAMES = re.compile(r"token|secret|password|auth", re.IGNORECASE)
_FRAMES_SHOWN = 3


def form_from_environment() -> Format:
    """The form that MILLRACE_LOG names; raises ConfigError."""
    form = os.environ.get("MILLRACE_LOG") or "text"
    if form not in ("text", "json"):
        raise ConfigError([f"MILLRACE_LOG must be text or json, not {form!r}"])
    return cast(Format, form)


def configure(form: Format, *, stream: TextIO | None = None) -> None:
    """Send all logs, ours and the libraries', to `stream` (standard error)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_in_one_line,
        _name_process,
        _clean,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    writer: Processor = _as_text
    if form == "json":
        writer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, writer],
        )
    )
    logging.basicConfig(handlers=[output], level=logging.INFO, force=True)
    # One line per request belongs to a proxy in front; a feed that is polled often drowns the rest.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def set_level(level: Level) -> None:
    """Log from this level on, in the processes that this one starts too."""
    logging.getLogger().setLevel(level.upper())
    os.environ[LEVEL_VARIABLE] = level


def _as_text(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    """`2026-11-20T20:31:02Z warning store.away  reason=no answer`."""
    when = str(event.pop("timestamp", ""))[:19] + "Z"
    level = str(event.pop("level", "info"))
    name = str(event.pop("event", ""))
    rest = "  ".join(f"{key}={value}" for key, value in event.items())
    return f"{when} {level:<7} {name}  {rest}".rstrip()


def _clean(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No credentials, no control characters, nothing endless."""
    for key, value in event.items():
        if key.startswith("_"):
            continue  # structlog's own, removed before writing
        event[key] = _safe(key, value)
    return event


def _safe(key: str, value: Any) -> Any:
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    if _SECRET_NAMES.fullmatch(key):
        return "***"
    text = for_logs(str(value))
    text = _CONTROL.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)
    return text if len(text) <= 2000 else text[:2000] + "…"


def _name_process(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Which child of a supervisor it was: each of them notices an outage for itself."""
    if name := os.environ.get(PROCESS_VARIABLE):
        event["process"] = name
    return event


def _exception_in_one_line(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """What was raised and the innermost places, instead of a traceback of many lines."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = f"{type(error).__name__}: {error} ({_places(error.__traceback__)})"
    return event


def _places(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)[-_FRAMES_SHOWN:]
    paths = ["/".join(frame.filename.split("/")[-2:]) for frame in frames]
    return " > ".join(f"{p}:{f.lineno} {f.name}" for p, f in zip(paths, frames, strict=True))


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on a terminal, removed when the block ends; elsewhere nothing is shown."""
    # Services and workers log too, and draw no bar: these imports take 0.1 s.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as progress:
        yield progress
