"""Runs the checkout's pipeline in a folder of its own, on synthetic data and for few epochs."""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from jena_etl.commands.edit_params import edit_params
from jena_etl.commands.programs import DVC, exit_code_of
from jena_etl.errors import ProjectError
from jena_etl.files import sha256_of
from jena_etl.ingest.synthetic import write_synthetic
from jena_etl.params import read_params
from jena_etl.project import Project

ROWS, SEED = 105_120, 0  # two years: one for train, half a year each for validation and test
# To train eleven architectures in minutes: two days of two-hourly measurements instead of five days
# of hourly ones, one window an hour instead of one every ten minutes, and fewer and larger training
# steps than the reference's.
WINDOW = {"sequence_length": 24, "sampling_rate": 12, "horizon": 12, "sequence_stride": 6}
BATCH_SIZE, EPOCHS, LEARNING_RATE = 128, 4, 0.01
CONV1D_KERNELS = [6, 4, 2]  # the reference's are too long for such a window
SOURCE = "synthetic.zip"
COPIED = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "dvc.yaml",
    "pipeline",
    "src/jena_etl",
)
# For the demo's own commits, so that it also runs where git has not been told a name.
COMMITTER = ("-c", "user.name=jena-etl demo", "-c", "user.email=demo@localhost")


def find_checkout(start: Path) -> Path:
    """The checkout that contains `start`, or else the one this package is installed from.

    Raises:
        ProjectError: there is neither, because the package was installed from a wheel.
    """
    for folder in (start.resolve(), *start.resolve().parents, Path(__file__).resolve().parents[3]):
        # A demo folder has no pyproject.toml, so it is not mistaken for a checkout.
        if all((folder / name).is_file() for name in ("dvc.yaml", "pyproject.toml")):
            return folder
    raise ProjectError(
        f"{start} is not in a checkout of jena-etl: neither it nor any folder above it has both "
        "dvc.yaml and pyproject.toml; clone the repository and run the demo there"
    )


def prepare(checkout: Path, folder: Path, *, rows: int = ROWS) -> Path:
    """Copy the pipeline's code to `folder`, with a synthetic station in params.yaml.

    Each call rewrites that params.yaml; to experiment, edit it and run `dvc repro`.

    Raises:
        ProjectError: the folder holds something other than a demo.
    """
    source = folder / SOURCE
    read_params(checkout / "params.yaml")  # report a mistake before writing anything
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if SOURCE not in names and names - {f"{SOURCE}.part"}:
        raise ProjectError(
            f"{folder} holds something other than a demo; name an empty or new folder with --dir"
        )
    if not source.is_file():
        write_synthetic(source, rows=rows, seed=SEED)
    for name in COPIED:
        _copy(checkout / name, folder / name)
    edit_params(
        checkout / "params.yaml",
        lambda params: _shorten(params, sha256_of(source)),
        target=folder / "params.yaml",
    )
    # DVC's experiments are git commits, so the demo needs a repository of its own.
    if not (folder / ".git").exists():
        _run(folder, "git", "init", "--quiet", "--initial-branch=main")
    return folder


def reproduce(folder: Path) -> str:
    """Run `dvc repro` with its progress on stderr; return the leaderboard and what to try next.

    Raises:
        ProjectError: a stage failed.
    """
    project = Project(folder)
    outcome = "Nothing to do: the demo is up to date."
    if exit_code_of(*DVC, "status", "--quiet", cwd=folder):
        _run(folder, *DVC, "repro", "baseline")
        _train_two_at_once(folder)
        _run(folder, *DVC, "repro")
        outcome = "Done: from zip to leaderboard, all of it committed."
    _run(folder, "git", "add", "--all")
    if exit_code_of("git", "diff", "--cached", "--quiet", cwd=folder):
        _run(folder, "git", *COMMITTER, "commit", "--quiet", "--message", "The demo, reproduced")
    leaderboard = project.leaderboard_md.read_text(encoding="utf-8")
    return f"\n{leaderboard}\n{outcome}\n{_next_steps(folder)}"


def _train_two_at_once(folder: Path) -> None:
    """Train half of the models in each of two `dvc repro`.

    TensorFlow starts and compiles on one core, so a second core would mostly be idle. DVC runs one
    stage at a time, but may be started twice. If one of the two fails, the `dvc repro` that follows
    trains what it has left.
    """
    stages = [f"train@{name}" for name in read_params(folder / "params.yaml").architectures]
    repro = (*DVC, "--wait-for-lock", "repro", "--single-item")
    with ThreadPoolExecutor(1) as executor, TemporaryFile("w+", encoding="utf-8") as output:
        second = executor.submit(exit_code_of, *repro, *stages[1::2], cwd=folder, output=output)
        exit_code_of(*repro, *stages[::2], cwd=folder)
        second.result()
        output.seek(0)
        sys.stderr.write(output.read())  # not before, as the lines of both would be mixed


def _next_steps(folder: Path) -> str:
    shown = os.path.relpath(folder)
    return (
        f"  the report   open {shown}/reports/index.html in a browser\n"
        "  first        source .venv/bin/activate\n"
        f"  the data     jena-etl inspect {shown}\n"
        f"  experiment   cd {shown} && dvc exp run -S models.lstm.units=32, then dvc exp show\n"
        "  real data    dvc repro, here, downloads the Jena series and trains on it"
    )


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return
    shutil.rmtree(target, ignore_errors=True)  # a module that was removed must not linger
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def _shorten(params: Any, sha256: str) -> None:
    params["download"].update(url=SOURCE, bytes=None, sha256=sha256)
    params["window"].update(WINDOW)
    params["train"]["batch_size"] = BATCH_SIZE
    params["report"]["credit"] = "Synthetic weather, made by jena-etl synth"
    params["models"]["conv1d"]["kernel_sizes"] = CONV1D_KERNELS
    for name in params["architectures"]:
        block = params["models"][name]
        # So few steps should not be spent on learning the average temperature, and the last ones
        # should be small.
        block.update(epochs=EPOCHS, learning_rate=LEARNING_RATE, output_bias="train_mean")
        block.update(learning_rate_schedule="cosine")
        block.pop("xla_on_cpu", None)  # compiling does not pay off for so few steps


def _run(folder: Path, *command: str) -> None:
    if exit_code_of(*command, cwd=folder):
        shown = " ".join(command).removeprefix(" ".join(DVC[:2]) + " ")
        raise ProjectError(
            f"{shown} failed in {folder}; its message is above. Fix that and run the demo again: "
            "it continues where it stopped"
        )
