"""Changes values in params.yaml on the user's behalf and keeps its comments."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from jena_etl.files import write_text
from jena_etl.params import Params
from jena_etl.params_check import check, load_yaml


def params_writer() -> YAML:
    """A YAML reader and writer that keeps comments and formats a file as DVC does.

    DVC's own is in `dvc.utils.serialize`. In a file so formatted, a later `dvc exp run -S` changes
    only the lines of the values that it sets.
    """
    writer = YAML()
    writer.default_flow_style = False
    return writer


def edit_params(source: Path, change: Callable[[Any], None], *, target: Path | None = None) -> None:
    """Read a params.yaml, let `change` alter it, and write it with its comments.

    If the changed content is not a valid params.yaml, nothing is written.

    `change` is called with nested mappings that keep the comments; `target` is the file to write,
    by default `source`.

    Raises:
        ParamsError: `source` is not YAML, or the changed content is not a valid params.yaml.
        ProjectError: the file cannot be written.
    """
    writer = params_writer()
    params = load_yaml(source, writer)
    if isinstance(params, dict):
        change(params)
    check(Params, params, "")
    text = StringIO()
    writer.dump(params, text)
    write_text(target or source, text.getvalue())
