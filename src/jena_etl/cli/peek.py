"""`jena-etl peek`: what a station's own file asks for in params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def peek(
    file: Annotated[Path, typer.Argument(help="A .csv, a .csv.gz or a .zip of CSV files.")],
) -> None:
    """Guess the convert and window blocks for a file, each with its reason, ready to paste."""
    from jena_etl.etl.peek import peek as peek_at

    typer.echo(str(peek_at(file)), nl=False)
