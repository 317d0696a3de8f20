"""The command line: one function per command, each only reads its options and calls its module.

Modules are imported inside the commands: `millrace --help` must not wait for lxml and numpy.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from core.errors import ConfigError, MillraceError
from millrace import __version__, logs
from millrace.options import (
    DEFAULT_CONFIG,
    DEFAULT_DATA,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Config,
    Data,
    Host,
    Port,
    Redis,
)

DONE, FAILED, WRONG_USAGE = 0, 1, 2

app = typer.Typer(
    name="millrace",
    help="Many overlapping news sources in, one clean merged feed out.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
opml_app = typer.Typer(help="Sources to and from other feed readers.")
app.add_typer(opml_app, name="opml")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(exit_code(sys.argv[1:] if arguments is None else arguments))


def exit_code(arguments: Sequence[str]) -> int:
    """Run one command; every error becomes lines on standard error and a code."""
    try:
        logs.configure(_log_format())
        outcome = app(list(arguments), prog_name="millrace", standalone_mode=False)
    except ConfigError as error:
        return _complain(*error.faults, code=WRONG_USAGE)
    except MillraceError as error:
        return _complain(f"millrace: {error}", code=FAILED)
    except typer.TyperException as error:
        see = "" if error.exit_code == FAILED else " (see millrace --help)"
        return _complain(f"millrace: {error.format_message()}{see}", code=error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # Whoever read us has enough (`millrace extract … | head`); nothing more may be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return outcome if isinstance(outcome, int) else DONE


def _complain(*lines: str, code: int) -> int:
    for line in lines:
        print(" ".join(line.split()), file=sys.stderr)
    return code


def _log_format() -> logs.Format:
    form = os.environ.get("MILLRACE_LOG") or "text"
    if form not in ("text", "json"):
        raise ConfigError([f"MILLRACE_LOG must be text or json, not {form!r}"])
    return cast(logs.Format, form)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"millrace {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(WRONG_USAGE)


@app.command()
def run(
    config: Config = DEFAULT_CONFIG,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Worker processes.")] = 1,
) -> None:
    """Start everything: store, workers and the service.

    Example: millrace run --config feeds.yaml --port 9000
    """
    from millrace.run import run_all

    run_all(config=config, host=host, port=port, data=data, redis=redis, workers=workers)


@app.command()
def serve(
    config: Config = DEFAULT_CONFIG,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    redis: Redis = None,
) -> None:
    """Start the service alone; needs a store.

    Example: millrace serve --host 0.0.0.0 --redis redis://store:6379
    """
    from millrace.serve import serve_alone

    serve_alone(config=config, host=host, port=port, redis=_needed(redis))


@app.command()
def work(config: Config = DEFAULT_CONFIG, redis: Redis = None) -> None:
    """Start one worker; any number, on any host.

    Example: millrace work --redis redis://store:6379
    """
    from millrace.work import work_alone

    work_alone(config=config, redis=_needed(redis))


@app.command()
def once(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the written files.")],
    config: Config = DEFAULT_CONFIG,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
) -> int:
    """Poll every source once and write the merged feed.

    Example: millrace once --out public
    """
    from millrace.once import write_once

    return write_once(config=config, data=data, redis=redis, out=out)


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(metavar="[F]", envvar="MILLRACE_CONFIG", help="The file.")
    ] = DEFAULT_CONFIG,
) -> None:
    """Say what is wrong in feeds.yaml, one line a fault.

    Example: millrace check feeds.yaml
    """
    from millrace.check import check_file

    print(check_file(file))


@app.command()
def extract(
    files: Annotated[list[str], typer.Argument(metavar="FILE…|-", help="`-`: standard input.")],
    url: Annotated[str | None, typer.Option(metavar="U", help="Address of the document.")] = None,
    kind: Annotated[
        Literal["auto", "page", "entry", "feed"], typer.Option(help="What the files are.")
    ] = "auto",
    config: Annotated[
        str | None, typer.Option(metavar="F", help="Where the options of --source stand.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Clean as for this source of --config.")
    ] = None,
    learn: Annotated[
        bool, typer.Option("--learn", help="All files are items of one source, in order.")
    ] = False,
) -> int:
    """Show what becomes of pages, entry bodies and feeds.

    Example: millrace extract page.html --url https://example.org/article
    """
    from millrace.extract import extract_files

    return extract_files(files, url=url, kind=kind, config=config, source=source, learn=learn)


@app.command()
def dedup(
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl", help="`-`: standard input.")],
    out: Annotated[
        str | None, typer.Option(metavar="F", help="Write here instead of standard output.")
    ] = None,
) -> int:
    """Find the reposts in a file of entries.

    Example: millrace dedup entries.jsonl --out stories.jsonl
    """
    from millrace.dedup import dedup_file

    return dedup_file(file, out=out)


@opml_app.command("import")
def opml_import(
    file: Annotated[str, typer.Argument(metavar="F", help="OPML file; `-`: standard input.")],
    config: Config = DEFAULT_CONFIG,
    ask: Annotated[
        bool, typer.Option(help="Ask the new sources, and name those that do not answer.")
    ] = True,
) -> None:
    """Add the subscriptions of an OPML file to feeds.yaml.

    Example: millrace opml import subscriptions.opml
    """
    from millrace.opml import import_opml

    print("\n".join(import_opml(file, config=config, ask=ask)))


@opml_app.command("export")
def opml_export(
    config: Config = DEFAULT_CONFIG,
    out: Annotated[
        str | None, typer.Option(metavar="F", help="Write here instead of standard output.")
    ] = None,
) -> None:
    """Write the sources of feeds.yaml as OPML.

    Example: millrace opml export --out sources.opml
    """
    from millrace.opml import export_opml

    export_opml(config=config, out=out)


def _needed(redis: str | None) -> str:
    if redis:
        return redis
    raise ConfigError(["no store: say --redis URL or set REDIS_URL (or start all: millrace run)"])
