"""The entry point of the command line: runs one command, turns errors into lines and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from core.errors import ConfigError, MillraceError
from millrace import __version__
from millrace.commands import query_commands, work_commands
from millrace.process import logs

DONE, FAILED, WRONG_USAGE = 0, 1, 2

app = typer.Typer(
    name="millrace",
    help="Many overlapping news sources in, one clean merged feed out.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(work_commands.app)
app.add_typer(query_commands.app)
app.add_typer(query_commands.opml, name="opml")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(exit_code(sys.argv[1:] if arguments is None else arguments))


def exit_code(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code. Errors become lines on standard error."""
    try:
        logs.configure(logs.form_from_environment())
        outcome = app(list(arguments), prog_name="millrace", standalone_mode=False)
    except ConfigError as error:
        return _complain(*error.faults, code=WRONG_USAGE)
    except MillraceError as error:
        return _complain(f"millrace: {error}", code=FAILED)
    except typer.TyperException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", "") or "millrace"
        see = "" if error.exit_code == FAILED else f" (see {where} --help)"
        return _complain(f"millrace: {error.format_message()}{see}", code=error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        # The reader closed the pipe (`millrace extract … | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return outcome if isinstance(outcome, int) else DONE


def _complain(*lines: str, code: int) -> int:
    for line in lines:
        print(" ".join(line.split()), file=sys.stderr)
    return code


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
