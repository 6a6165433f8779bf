"""`jena-etl doctor`: can this project be built here, and is what it holds whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    project: Annotated[Path, typer.Argument(help="The project folder.")] = Path(),
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute every hash, also of DVC's cache.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Check environment, params, pipeline, data, cache, disk and GPU; exit code 1 for a fault."""
    from jena_etl.doctor import as_dict, describe, examine
    from jena_etl.project import open_project

    checks = examine(open_project(project), verify=verify)
    typer.echo(json.dumps(as_dict(checks), indent=2) if as_json else describe(checks))
    if any(check.mark == "fault" for check in checks):
        raise typer.Exit(1)
