"""Changes values in params.yaml, for the commands that do so in the user's stead."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from jena_etl.files import write_text
from jena_etl.params import Params, check


def edit_params(source: Path, change: Callable[[Any], None], *, target: Path | None = None) -> None:
    """Read a params.yaml, let `change` alter it, and write it with its comments.

    The file is written in the form that DVC itself writes (`dvc.utils.serialize`), so that a later
    `dvc exp run -S` changes the lines of its own values alone. What does not pass the checks of
    `jena_etl.params` is not written.

    Args:
        source: The file to read; it must be one that `read_params` accepts as YAML.
        change: Called with the content, nested mappings that keep the comments.
        target: The file to write, `source` by default.

    Raises:
        ParamsError: The changed content is not a valid params.yaml.
        ProjectError: The file cannot be written.
    """
    yaml = YAML()
    yaml.default_flow_style = False
    params = yaml.load(source)
    change(params)
    check(Params, params, "")
    text = StringIO()
    yaml.dump(params, text)
    write_text(target or source, text.getvalue())
