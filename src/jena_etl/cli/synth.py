"""`jena-etl synth`: a made-up station in the original's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The file to write.")],
    rows: Annotated[int, typer.Option(min=1, help="One row is 10 minutes; a year has 52,560.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same bytes.")],
) -> None:
    """Write a synthetic station file in the format of the original download."""
    from jena_etl.etl.synthetic import write_synthetic

    write_synthetic(out, rows=rows, seed=seed)
    typer.echo(f"{out}: {rows:,} synthetic rows, {out.stat().st_size:,} bytes")
