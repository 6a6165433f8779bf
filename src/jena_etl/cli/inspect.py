"""`jena-etl inspect`: what the project holds, from the stages' small reports; or its models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def inspect(
    project: Annotated[Path, typer.Argument(help="The project folder.")] = Path(),
    *,
    models: Annotated[
        bool, typer.Option("--models", help="The architectures instead; takes some seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Show the source, the columns, the splits and the window; or the models."""
    from jena_etl.inspection import describe, inspection
    from jena_etl.model_summary import describe_models, model_summary
    from jena_etl.models import configure
    from jena_etl.params import read_params
    from jena_etl.project import open_project

    opened = open_project(project)
    params = read_params(opened.params_yaml)
    for name in params.architectures:
        configure(name, params.models[name])  # a typo shows here, before anything is trained
    found = model_summary(params) if models else inspection(opened, params)
    words = describe_models if models else describe
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else words(found))
