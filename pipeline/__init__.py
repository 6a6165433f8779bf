"""The stages of dvc.yaml: one script each, run as `python -m pipeline.NAME`.

A script calls the package and writes the stage's outputs; `run` does what they have in common.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]

# Import the code beside this file. In a DVC experiment's copy of the project, an editable install
# would otherwise import the workspace's code (github.com/iterative/dvc#10419).
sys.path.insert(0, str(ROOT / "src"))

from jena_etl.errors import JenaEtlError, one_line  # noqa: E402  after the path is set
from jena_etl.files import set_aside  # noqa: E402
from jena_etl.locks import only_process  # noqa: E402
from jena_etl.params import read_params  # noqa: E402
from jena_etl.project import Project, open_project  # noqa: E402
from jena_etl.text import printable  # noqa: E402

__all__ = ["move_unlisted", "run", "show"]


def run(stage: Callable[..., None], *arguments: str, root: Path = ROOT) -> None:
    """Run a stage on a project, and end the process with a suitable message and exit code.

    What a user can put right is reported in a line with exit code 2: wrong arguments, a mistake in
    params.yaml, a file that cannot be read or written. Ctrl-C gives exit code 130 and the message
    of the KeyboardInterrupt, if it has one.

    Args:
        stage: called with the project, its params and the value of each argument.
        arguments: the names of arguments, as in `python -m pipeline.train ARCHITECTURE`.
        root: the project folder; the one that holds this script, unless a test names another.
    """
    values = _command_line(stage, arguments)
    try:
        project = open_project(root)
        params = read_params(project.params_yaml)
        with only_process(project.lock("@".join([Path(sys.argv[0]).stem, *values]))):
            stage(project, params, *values)
    except (JenaEtlError, OSError) as error:
        _end(f"error: {one_line(error)}", 2)
    except KeyboardInterrupt as error:
        _end(str(error) or "stopped by Ctrl-C; dvc repro starts this stage again", 130)


def show(text: str) -> None:
    """Write to stdout with control characters escaped, as names from a file may contain them."""
    sys.stdout.write(printable(text))


def move_unlisted(project: Project, folder: Path, listed: Collection[str], aside: Path) -> None:
    """Move whatever is not in `listed` out of a folder that a stage depends on, and say so.

    DVC records such a folder as it is. Leftovers would be recorded too, but a colleague's
    `dvc pull` would not bring them, so that the stage would be out of date there.
    """
    for name in set_aside(folder, listed, aside) if folder.is_dir() else ():
        shown, moved_to = (path.relative_to(project.root) for path in (folder / name, aside))
        show(f"{shown}: not listed in params.yaml; moved to {moved_to}/\n")


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
