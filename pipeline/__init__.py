"""The stages of dvc.yaml: one script each, run as `python -m pipeline.NAME`.

A script parses its arguments, calls the package and writes its outs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The code beside this file comes first, also in a DVC experiment's own copy of the project, where
# an editable install would import the workspace's code instead (github.com/iterative/dvc#10419).
sys.path.insert(0, str(ROOT / "src"))

from jena_etl.errors import JenaEtlError, ParamsError  # noqa: E402  after the path is set
from jena_etl.params import Params, nearest, read_params  # noqa: E402
from jena_etl.project import Project, open_project  # noqa: E402

__all__ = ["architecture_asked_for", "run"]


def architecture_asked_for(params: Params) -> str:
    """The architecture named on the command line.

    Raises:
        ParamsError: none is named, or params.yaml has no block for it.
    """
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in params.models:
        raise ParamsError(f"no architecture {name!r} in params.yaml" + nearest(name, params.models))
    return name


def run(stage: Callable[[Project, Params], None]) -> None:
    """Run a stage on this folder's project; a user's mistake is one line and exit code 2."""
    try:
        project = open_project(ROOT)
        stage(project, read_params(project.params_yaml))
    except JenaEtlError as error:
        sys.exit(_fail(error))


def _fail(error: JenaEtlError) -> int:
    sys.stderr.write(f"error: {error}\n")
    return 2
