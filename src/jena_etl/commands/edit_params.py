"""Changes values in params.yaml, for the commands that do so in the user's stead."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from jena_etl.files import write_text
from jena_etl.params import Params, check, load_yaml


def params_writer() -> YAML:
    """A reader and writer of YAML that keeps comments and writes the form that DVC writes.

    DVC's own is in `dvc.utils.serialize`. A file in its form stays as it is under a later
    `dvc exp run -S`, but for the lines of the changed values.
    """
    writer = YAML()
    writer.default_flow_style = False
    return writer


def edit_params(source: Path, change: Callable[[Any], None], *, target: Path | None = None) -> None:
    """Read a params.yaml, let `change` alter it, and write it with its comments.

    Nothing is written where the changed content does not pass the checks of `jena_etl.params`.

    Args:
        source: The file to read.
        change: Called with the content, nested mappings that keep the comments.
        target: The file to write, `source` by default.

    Raises:
        ParamsError: `source` is not YAML, or the changed content is not a valid params.yaml.
        ProjectError: The file cannot be written.
    """
    writer = params_writer()
    params = load_yaml(source, writer)
    if isinstance(params, dict):
        change(params)
    check(Params, params, "")
    text = StringIO()
    writer.dump(params, text)
    write_text(target or source, text.getvalue())
