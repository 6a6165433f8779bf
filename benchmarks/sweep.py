"""How long `jena-etl sweep --leaderboard` takes, beside `dvc repro`: one JSON line on stdout.

Both build the demo's project to the end, with its eleven architectures, from the same folder in
which all stages before the training are up to date: they train, score, draw and record. The sweep
starts its Ray on this machine within the time, and gives a training one core. Both must record
the same bytes in dvc.lock. They do so twice: as the demo is, where a training divides its
operations among two threads, so that `dvc repro` uses a second core in part; and with one thread,
so that a training uses the core that the sweep counts it with.

    python -m benchmarks.sweep > figures.json           # --quick: two of the architectures
    python -m benchmarks.sweep --table figures.json
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.measure import Figures, command_line, compared, say
from jena_etl.commands.demo import prepare
from jena_etl.commands.edit_params import edit_params

CHECKOUT = Path(__file__).resolve().parents[1]
REPRO = (sys.executable, "-m", "dvc", "repro")
SWEEP = (sys.executable, "-c", "from jena_etl.cli import run; run()", "sweep", "--leaderboard")
QUICK = ["dense", "conv1d"]
THREADS = (2, 1)


def seconds(folder: Path, *command: str) -> float:
    """Run a command in a project folder; its output goes to stderr."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    began = time.perf_counter()
    subprocess.run(  # noqa: S603  our own commands
        command, cwd=folder, env={**os.environ, "PATH": path}, stdout=sys.stderr, check=True
    )
    return time.perf_counter() - began


def recorded(folder: Path) -> Any:
    """What dvc.lock says of every stage, in whatever order."""
    return YAML(typ="safe", pure=True).load(folder / "dvc.lock")["stages"]


def side_by_side(threads: int, architectures: list[str] | None) -> dict[str, Any]:
    """Seconds from arrays to report, of the sweep and of `dvc repro`.

    Args:
        threads: how many a training divides its operations among.
        architectures: what is trained; None for those of the demo.
    """

    def change(params: Any) -> None:
        params["train"]["cpu_threads"] = threads
        params["architectures"] = architectures or params["architectures"]

    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "repro", Path(folder) / "sweep"
        prepare(CHECKOUT, first)
        edit_params(first / "params.yaml", change)
        seconds(first, *REPRO, "--quiet", "baseline")
        shutil.copytree(first, second, symlinks=True)
        serial = seconds(first, *REPRO, "--quiet")
        say(f"dvc repro: {serial:.0f} s")
        swept = seconds(second, *SWEEP)
        say(f"jena-etl sweep --leaderboard: {swept:.0f} s")
        if recorded(first) != recorded(second):
            sys.exit("the two have left different bytes")
    return compared([swept], [serial], "s")


def measured(quick: bool) -> tuple[str, Figures]:  # noqa: FBT001  as the command line calls it
    """With two threads a training, and with one."""
    models = len(QUICK) if quick else "eleven"
    return f"the demo from its arrays to the report, {models} architectures", {
        f"jena-etl sweep --leaderboard / dvc repro, train.cpu_threads: {threads}": side_by_side(
            threads, QUICK if quick else None
        )
        for threads in THREADS
    }


if __name__ == "__main__":
    command_line(__doc__, measured)
