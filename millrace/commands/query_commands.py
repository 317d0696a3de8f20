"""Options of the commands that read a running Millrace or change its list of sources.

Each calls its module, as in `work_commands.py`.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Protocol

import orjson
import typer

from millrace.commands.options import DEFAULT_CONFIG, DEFAULT_DATA, Config, Data, Json, Redis

app = typer.Typer()
opml = typer.Typer(help="Sources to and from other feed readers.")


class Report(Protocol):
    """A named tuple that can be printed as lines for people."""

    def lines(self) -> list[str]: ...

    def _asdict(self) -> dict[str, Any]: ...


def _print(report: Report, *, json: bool) -> None:
    if json:
        print(orjson.dumps(report._asdict(), default=lambda part: part._asdict()).decode())
    else:
        for line in report.lines():
            print(line)


@app.command()
def explain(
    entry: Annotated[str, typer.Argument(metavar="URL|ID", help="Address or id of an entry.")],
    config: Config = DEFAULT_CONFIG,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
) -> None:
    """Show where an entry came from and why it was merged or not.

    Example: millrace explain https://example.org/article
    """
    from millrace.commands.story import explain_entry

    print(explain_entry(entry, data=data, redis=redis))


@app.command()
def poll(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Name of a source, also of one that answered 410."),
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="T", help="All sources with this tag.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All sources.")] = False,
    config: Config = DEFAULT_CONFIG,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
    json: Json = False,
) -> int:
    """Poll one source, those of a tag or all of them now.

    Example: millrace poll hackernews
    """
    from millrace.commands.poll import poll_source, poll_sources

    if [name is not None, tag is not None, all_].count(True) != 1:
        raise typer.BadParameter("give one of NAME, --tag T and --all")
    if name is not None:
        _print(poll_source(name, config=config, data=data, redis=redis), json=json)
        return 0
    outcomes = poll_sources(tag, config=config, data=data, redis=redis)
    _print(outcomes, json=json)
    if not json:
        for fault in outcomes.faults():
            print(f"millrace: {fault}", file=sys.stderr)
    return 1 if outcomes.failed else 0


@app.command()
def forget(
    entry: Annotated[str, typer.Argument(metavar="URL", help="Address or id of an entry.")],
    config: Config = DEFAULT_CONFIG,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
) -> None:
    """Take a story out of the feed and keep it out.

    Example: millrace forget https://example.org/article
    """
    from millrace.commands.story import forget_entry

    print(forget_entry(entry, data=data, redis=redis))


@app.command()
def replay(
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="dedup.FIELD=VALUE", help="What to change; may be repeated."),
    ] = None,
    config: Config = DEFAULT_CONFIG,
    data: Data = DEFAULT_DATA,
    redis: Redis = None,
) -> None:
    """Decide the kept entries again under other settings.

    Prints one JSON object for each entry that would be decided otherwise; changes nothing.

    Example: millrace replay --set dedup.radius=8
    """
    from millrace.commands.replay import replay_window

    for line in replay_window(assignments or [], config=config, data=data, redis=redis):
        print(line.decode())


@app.command()
def add(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="A feed, a site, a page that lists articles, or a GitHub folder."
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    tag: Annotated[list[str] | None, typer.Option(help="Tag for it; may be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show it, do not add it.")
    ] = False,
    json: Json = False,
) -> None:
    """Find what an address leads to, show what it holds and add it to feeds.yaml.

    Example: millrace add https://example.org/ --tag world
    """
    from millrace.commands.add import add_source

    _print(add_source(url, config=config, tags=tag or [], dry=dry_run), json=json)


@opml.command("import")
def opml_import(
    file: Annotated[str, typer.Argument(metavar="F", help="OPML file; `-`: standard input.")],
    config: Config = DEFAULT_CONFIG,
    ask: Annotated[
        bool, typer.Option(help="Fetch the new sources once and name those that do not answer.")
    ] = True,
    json: Json = False,
) -> None:
    """Add the subscriptions of an OPML file to feeds.yaml.

    Example: millrace opml import subscriptions.opml
    """
    from millrace.commands.opml import import_opml

    _print(import_opml(file, config=config, ask=ask), json=json)


@opml.command("export")
def opml_export(
    config: Config = DEFAULT_CONFIG,
    out: Annotated[
        str | None, typer.Option(metavar="F", help="Write here instead of standard output.")
    ] = None,
) -> None:
    """Write the sources of feeds.yaml as OPML.

    Example: millrace opml export --out sources.opml
    """
    from millrace.commands.opml import export_opml

    export_opml(config=config, out=out)
