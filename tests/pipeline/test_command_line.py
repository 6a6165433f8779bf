"""What a stage says to somebody who starts it by hand, and how it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

import pipeline
from tests.warm_python import warm_python

ROOT = Path(pipeline.__file__).parents[1]
STAGES = sorted(
    file.stem for file in ROOT.glob("pipeline/*.py") if file.stem not in ("__init__", "pipeline")
)


def started(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [warm_python(), *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


# Runs each script that is named as Python does, with its folder on `sys.path`.
AS_SCRIPTS = """
import runpy, sys
from pathlib import Path

sys.path[0] = str(Path(sys.argv[1]).parent)
for script in sys.argv[1:]:
    sys.argv = [script]
    sys.modules.pop("pipeline", None)
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        print(ended.code, file=sys.stderr)
"""


def test_a_stage_run_as_a_script_says_how_it_is_run() -> None:
    done = started("-c", AS_SCRIPTS, *(f"pipeline/{stage}.py" for stage in STAGES))
    said = [
        "error: a stage cannot be run as a script; "
        f"in the project folder, type: python -m pipeline.{stage}\n2\n"
        for stage in STAGES
    ]
    assert done.stderr == "".join(said)


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("evaluate", "--help"), 0, "score and rank every forecast"),
        (("evaluate", "dense"), 2, "unrecognized arguments: dense"),
        (("train", "--help"), 0, "ARCHITECTURE"),
        (("train",), 2, "required: ARCHITECTURE"),
        (("train", "dense", "lstm"), 2, "unrecognized arguments: lstm"),
        (("train", "lsmt"), 2, "there is no architecture of that name; did you mean 'lstm'?"),
    ],
)
def test_usage(arguments: tuple[str, ...], code: int, part: str) -> None:
    """The stage does not run: without outputs of the stages before, it would say so."""
    stage, *others = arguments
    done = started("-m", f"pipeline.{stage}", *others)
    assert done.returncode == code
    assert part in done.stdout + done.stderr
    assert "is not built yet" not in done.stderr
    assert "Traceback" not in done.stderr
    if stage != "train" or others != ["lsmt"]:
        assert f"usage: python -m pipeline.{stage}" in done.stdout + done.stderr


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def stage(*_: Any) -> NoReturn:
        raise error

    return stage


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C; dvc repro starts this stage again\n"),
        (KeyboardInterrupt("stopped in epoch 5"), 130, "stopped in epoch 5\n"),
        (
            IsADirectoryError(21, "Is a directory", "splits.json"),
            2,
            "error: splits.json: Is a directory; put that right, then try again\n",
        ),
        (
            OSError("256 requested and 0 written"),  # NumPy's, of a full disk
            2,
            "error: 256 requested and 0 written; check the disk and its folders, then try again\n",
        ),
    ],
)
def test_a_line_in_place_of_a_traceback(
    error: BaseException,
    code: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["pipeline/train.py"])
    with pytest.raises(SystemExit) as ended:
        pipeline.run(raising(error))
    assert ended.value.code == code
    assert capsys.readouterr().err == line


def test_a_fault_in_the_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["pipeline/train.py"])
    with pytest.raises(KeyError):
        pipeline.run(raising(KeyError("windows")))
