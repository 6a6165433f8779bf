"""A stage that has run to its end is not run again; a node without the arrays says so."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jena_etl.errors import SweepError
from jena_etl.files import write_text
from jena_etl.sweep import place as places
from jena_etl.sweep import side_by_side
from jena_etl.sweep.place import FOLDER, Place, md5_of
from jena_etl.sweep.side_by_side import run_side_by_side
from jena_etl.sweep.stage_run import Outcome, StageRun, log_file, reason, record_file, run_stage

# Counts its runs in a file beside its out.
STAGE = "from pathlib import Path; Path('out').write_text('result'); open('runs', 'a').write('.')"


@pytest.fixture(autouse=True)
def _a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_name_of_node", lambda: "n1")


def place_of(root: Path, code: str = STAGE) -> Place:
    root.mkdir(parents=True, exist_ok=True)
    (root / "stage.py").write_text(code)
    (root / "features.npy").write_text("arrays")
    return Place.of(root, {"features.npy": str(md5_of(root / "features.npy"))})


def a_run(inputs: str = "a") -> StageRun:
    return StageRun(stage="train@x", module="stage", arguments=(), inputs=inputs, outs=("out",))


def runs(root: Path) -> int:
    return len((root / "runs").read_text())


def test_a_stage_runs_once_for_the_same_inputs_and_outs(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    for _ in range(2):
        outcome = run_stage(a_run(), place)
        assert (outcome.error, outcome.files) == (None, {})
        assert runs(tmp_path) == 1
    (tmp_path / "out").write_text("changed")
    run_stage(a_run(), place)
    assert runs(tmp_path) == 2
    assert (tmp_path / "out").read_text() == "result"
    run_stage(a_run(inputs="b"), place)
    assert runs(tmp_path) == 3
    record_file(tmp_path, "train@x").write_text("{")  # cut off
    run_stage(a_run(inputs="b"), place)
    assert runs(tmp_path) == 4


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; print('Epoch 1'); print('error: loss is nan'); sys.exit(2)", "loss is nan"),
        ("import sys; sys.exit(3)", "it failed with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed (signal 9); if the machine was out of"),
        ("", "it has not written all of out"),
    ],
)
def test_a_stage_that_fails_says_why_and_leaves_no_record(
    tmp_path: Path, code: str, why: str
) -> None:
    outcome = run_stage(a_run(), place_of(tmp_path, code))
    assert str(outcome.error).startswith(why)
    assert not record_file(tmp_path, "train@x").exists()


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    place = place_of(tmp_path)
    (tmp_path / "logs").write_text("a file where a folder belongs")
    assert "logs" in str(run_stage(a_run(), place).error)


class Lost(Exception):  # noqa: N818  as Ray calls it
    """A node or a process is lost."""


class Raised(Lost):
    """A task has raised `cause`."""

    cause = ZeroDivisionError("by zero")


class OneNode:
    """What `run_side_by_side` uses of Ray; a task runs when its result is asked for."""

    exceptions = SimpleNamespace(RayError=Lost, RayTaskError=Raised)

    def remote(self, function: Callable[..., Outcome]) -> Any:
        return SimpleNamespace(
            options=lambda **_: SimpleNamespace(
                remote=lambda *arguments: partial(function, *arguments)
            )
        )

    def wait(self, tasks: list[Any], **_: object) -> tuple[list[Any], list[Any]]:
        return tasks[:1], tasks[1:]

    def get(self, task: Callable[[], Outcome]) -> Outcome:
        try:
            return task()
        except ZeroDivisionError:
            raise Raised from None


def test_a_stage_that_waits_does_not_show_an_earlier_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place, names = place_of(tmp_path), ("train@x", "train@y")
    for name in names:
        write_text(log_file(tmp_path, name), "Epoch 9")
    ended: list[str] = []
    failed = run_side_by_side(
        OneNode(),
        [a_run().model_copy(update={"stage": name}) for name in names],
        place,
        {},
        done=lambda run: ended.append(run.stage),
    )
    assert (failed, ended) == ({}, list(names))
    assert "Epoch 9" not in capfd.readouterr().err


def test_a_fault_of_ours_is_not_a_lost_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divide(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(side_by_side, "run_stage", divide)
    failed = run_side_by_side(OneNode(), [a_run()], place_of(tmp_path), {}, done=print)
    assert failed == {"train@x": "ZeroDivisionError: by zero"}


def test_a_node_with_a_clone_of_its_own_sends_what_it_has_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, clone = place_of(tmp_path / "project"), tmp_path / "clone"
    place_of(clone)
    monkeypatch.setenv(FOLDER, str(clone))
    assert run_stage(a_run(), place).files == {"out": b"result"}
    assert not (tmp_path / "project/out").exists()


def test_a_node_without_the_arrays_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, clone = place_of(tmp_path / "project"), tmp_path / "clone"
    monkeypatch.setenv(FOLDER, str(clone))
    with pytest.raises(SweepError, match=f"node n1 has no folder {clone}; .* dvc pull"):
        place.here()
    clone.mkdir()
    assert run_stage(a_run(), place).error == (
        f"node n1 has no features.npy in {clone}; there, type: git pull && dvc pull features.npy"
    )
    (clone / "features.npy").write_text("others")
    with pytest.raises(SweepError, match=r"has another features\.npy than the sweep's"):
        place.here()
    monkeypatch.delenv(FOLDER)
    (tmp_path / "project/features.npy").write_text("others")
    with pytest.raises(SweepError, match=r"features\.npy has changed since the sweep began"):
        place.here()


def test_what_ray_sets_for_its_workers_does_not_shape_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NumPy and LightGBM would compute with another number of threads than under `dvc repro`."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    place = place_of(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    environment = place.environment()
    assert "OMP_NUM_THREADS" not in environment
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))
    assert place_of(tmp_path).environment()["OMP_NUM_THREADS"] == "1"


def test_the_reason_is_the_last_line_that_was_printed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Traceback\n  File\nValueError: no\n\n")
    assert reason(log, 1) == "ValueError: no"


def test_a_folder_has_changed_if_a_file_in_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "stations"
    (folder / "a").mkdir(parents=True)
    empty = md5_of(folder)
    (folder / "a/features.npy").write_text("1")
    one = md5_of(folder)
    (folder / ".gitignore").write_text("/a")
    assert md5_of(folder) == one
    (folder / "a/features.npy").write_text("2")
    two = md5_of(folder)
    (folder / "a/features.npy").rename(folder / "a/targets.npy")
    assert len({None, empty, one, two, md5_of(folder)}) == 5
