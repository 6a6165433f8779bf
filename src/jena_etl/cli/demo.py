"""`jena-etl demo`: the whole pipeline on a synthetic year."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="The scratch folder; demo/ in the checkout by default."),
    ] = None,
) -> None:
    """Run this checkout's pipeline in a scratch folder, on a synthetic year and few epochs."""
    from jena_etl.demo import find_checkout, prepare, reproduce

    checkout = find_checkout(Path.cwd())
    scratch = prepare(checkout, folder or checkout / "demo")
    typer.echo(f"The whole pipeline on a synthetic year, in {os.path.relpath(scratch)}", err=True)
    typer.echo(reproduce(scratch))
