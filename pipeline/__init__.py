"""The stages of dvc.yaml: one script each, run as `python -m pipeline.NAME`.

A script parses its arguments, calls the package and writes its outs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]

# The code beside this file comes first, also in a DVC experiment's own copy of the project, where
# an editable install would import the workspace's code instead (github.com/iterative/dvc#10419).
sys.path.insert(0, str(ROOT / "src"))

from jena_etl.errors import JenaEtlError, one_line  # noqa: E402  after the path is set
from jena_etl.locks import only_process  # noqa: E402
from jena_etl.params import read_params  # noqa: E402
from jena_etl.project import open_project  # noqa: E402
from jena_etl.text import printable  # noqa: E402

__all__ = ["run", "show"]


def run(stage: Callable[..., None], *arguments: str) -> None:
    """Run a stage on the project this file lies in, and end the process as a command should.

    Whatever a user can put right is told in a line, with exit code 2: arguments that the stage does
    not take, a mistake in params.yaml, a file that cannot be read or written. After Ctrl-C the exit
    code is 130, and the line is what the KeyboardInterrupt says, if it says anything.

    Args:
        stage: called with the project, its params and the value of each argument.
        arguments: what the command line names, as in `python -m pipeline.train ARCHITECTURE`.
    """
    values = _command_line(stage, arguments)
    try:
        project = open_project(ROOT)
        params = read_params(project.params_yaml)
        with only_process(project.lock("@".join([Path(sys.argv[0]).stem, *values]))):
            stage(project, params, *values)
    except (JenaEtlError, OSError) as error:
        _end(f"error: {one_line(error)}", 2)
    except KeyboardInterrupt as error:
        _end(str(error) or "stopped by Ctrl-C; dvc repro starts this stage again", 130)


def show(text: str) -> None:
    """Write a stage's own lines to stdout; names from the file may hold what steers a terminal."""
    sys.stdout.write(printable(text))


def _command_line(stage: Callable[..., None], arguments: tuple[str, ...]) -> list[str]:
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m pipeline.{name}", description=sys.modules[stage.__module__].__doc__
    )
    for argument in arguments:
        parser.add_argument(argument, metavar=argument.upper())
    return list(vars(parser.parse_args()).values())


def _end(message: str, code: int) -> NoReturn:
    sys.stderr.write(printable(f"{message}\n"))
    sys.exit(code)
