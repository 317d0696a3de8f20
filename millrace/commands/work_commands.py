"""The options of the commands that run Millrace or work on files; each calls its module.

Modules are imported inside the commands, so that `millrace --help` need not import lxml and numpy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from core.errors import ConfigError
from millrace.commands.options import (
    DEFAULT_CONFIG,
    DEFAULT_DATA,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Config,
    Data,
    Host,
    Json,
    LogLevel,
    Port,
    Redis,
)
from millrace.process import logs

app = typer.Typer()


@app.command()
def run(
    config: Config = DEFAULT_CONFIG,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Worker processes.")] = 1,
    log_level: LogLevel = "info",
) -> None:
    """Start everything: store, workers and the service.

    Example: millrace run --config feeds.yaml --port 9000
    """
    from millrace.commands.run import run_all

    logs.set_level(log_level)
    run_all(config=config, host=host, port=port, data=data, redis=redis, workers=workers)


@app.command()
def serve(
    config: Config = DEFAULT_CONFIG,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    redis: Redis = None,
    log_level: LogLevel = "info",
) -> None:
    """Start the service alone; needs a store.

    Example: millrace serve --host 0.0.0.0 --redis redis://store:6379
    """
    store = _needed(redis)
    from millrace.commands.serve import serve_alone

    logs.set_level(log_level)
    serve_alone(config=config, host=host, port=port, redis=store)


@app.command()
def work(
    config: Config = DEFAULT_CONFIG, redis: Redis = None, log_level: LogLevel = "info"
) -> None:
    """Start one worker; any number, on any host.

    Example: millrace work --redis redis://store:6379
    """
    store = _needed(redis)
    from millrace.commands.work import work_alone

    logs.set_level(log_level)
    work_alone(config=config, redis=store)


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
    from millrace.commands.once import write_once

    return write_once(config=config, data=data, redis=redis, out=out)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where it is written.")] = Path(),
) -> None:
    """Write a commented feeds.yaml, never over one.

    Example: millrace init
    """
    from millrace.commands.init import write_example

    print(write_example(folder))


@app.command()
def check(
    file: Annotated[
        str, typer.Argument(metavar="[F]", envvar="MILLRACE_CONFIG", help="The file.")
    ] = DEFAULT_CONFIG,
    explain: Annotated[
        bool, typer.Option("--explain", help="Every effective value, and where it came from.")
    ] = False,
    json: Json = False,
) -> int:
    """Report what is wrong in feeds.yaml, one line a fault.

    Example: millrace check feeds.yaml
    """
    from millrace.commands.check import check_as_json, check_file, explained

    if explain:
        for line in explained(file):
            print(line)
        return 0
    if json:
        return check_as_json(file)
    print(check_file(file))
    return 0


@app.command()
def extract(
    files: Annotated[list[str], typer.Argument(metavar="FILE…|-", help="`-`: standard input.")],
    url: Annotated[str | None, typer.Option(metavar="U", help="Address of the document.")] = None,
    kind: Annotated[
        Literal["auto", "page", "entry", "feed"], typer.Option(help="What the files are.")
    ] = "auto",
    config: Annotated[
        str | None, typer.Option(metavar="F", help="The file with the options of --source.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Clean as for this source of --config.")
    ] = None,
    learn: Annotated[
        bool, typer.Option("--learn", help="All files are items of one source, in order.")
    ] = False,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Also write a page: original, kept, removed."),
    ] = None,
) -> int:
    """Show what becomes of pages, entry bodies and feeds.

    Example: millrace extract page.html --url https://example.org/article
    """
    from millrace.commands.extract import extract_files

    return extract_files(
        files, url=url, kind=kind, config=config, source=source, learn=learn, html=html
    )


@app.command()
def dedup(
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl", help="`-`: standard input.")],
    out: Annotated[
        str | None, typer.Option(metavar="F", help="Write here instead of standard output.")
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="TRUTH.jsonl",
            help="Score the result against labelled pairs, on standard error.",
        ),
    ] = None,
) -> int:
    """Find the reposts in a file of entries.

    Example: millrace dedup entries.jsonl --out stories.jsonl
    """
    from millrace.commands.dedup import dedup_file

    return dedup_file(file, out=out, pairs=pairs)


@app.command()
def doctor(
    config: Config = DEFAULT_CONFIG,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
    json: Json = False,
) -> int:
    """Check the machine, and print how to fix what is wrong.

    Example: millrace doctor
    """
    from millrace.commands.doctor import examine, line_of

    well = True
    for finding in examine(config=config, data=data, redis=redis):
        well = well and finding.well
        print(line_of(finding, json=json), flush=True)
    return 0 if well else 1


@app.command()
def export(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="Folder, or a file `….gz`.")],
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
) -> None:
    """Write a backup of all state, readable by you alone; Millrace may go on running.

    Example: millrace export backup
    """
    from millrace.commands.backup import export_to

    out, count = export_to(place, data=data, redis=redis)
    print(f"{out}: {count} keys")


@app.command()
def restore(
    place: Annotated[Path, typer.Argument(metavar="DIR", help="What `export` wrote.")],
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
) -> None:
    """Read exported state into an empty store, before Millrace is started there.

    Example: millrace restore backup --data data
    """
    from millrace.commands.backup import restore_from

    file, count = restore_from(place, data=data, redis=redis)
    print(f"{file}: {count} keys")


def _needed(redis: str | None) -> str:
    if redis:
        return redis
    raise ConfigError(["no store: give --redis URL or set REDIS_URL (or start all: millrace run)"])
