"""The command line: one thin file per command; heavy imports happen inside the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from jena_etl import __version__
from jena_etl.cli.demo import demo
from jena_etl.cli.doctor import doctor
from jena_etl.cli.inspect import inspect
from jena_etl.cli.peek import peek
from jena_etl.cli.synth import synth
from jena_etl.errors import JenaEtlError

app = typer.Typer(
    help="From a station's zip to scored forecasts. The pipeline itself runs with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: an error is two lines, and --help starts at once
)
app.command()(inspect)
app.command()(doctor)
app.command()(peek)
app.command()(synth)
app.command()(demo)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  Typer calls it so
    if wanted:
        typer.echo(f"jena-etl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show it.")
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show a traceback for an error.")] = False,
) -> None:
    """Options of every command."""


def run() -> None:
    """Run the command line; a user's mistake is one or two lines and exit code 2."""
    try:
        app()
    except JenaEtlError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: {error}", err=True)
        sys.exit(2)
