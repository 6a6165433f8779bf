"""A stage that is run by itself meets inputs that are stale, damaged or not there: a line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jena_etl.errors import ProjectError
from jena_etl.project import open_project
from tests.pipeline.repository import Repo


@pytest.fixture
def project(built: Repo, tmp_path: Path) -> Repo:
    """A copy that a test may change, without the code: its stages run in this process."""
    return built.copy(tmp_path / "project", without=("src", ".git", ".dvc"))


@pytest.mark.slow
def test_arrays_of_another_target_are_refused_until_they_are_built_again(repo: Any) -> None:
    repo.edit(lambda params: params["window"].update(target="rh (%)"))
    assert repo.stages_run(repo.dvc("repro", "splits")) == ["check", "splits"]
    message = (
        "the arrays in data/processed are out of date: they were made from target T (degC), "
        "expected rh (%); build them again: dvc repro arrays"
    )
    with pytest.raises(ProjectError) as caught:
        open_project(repo.root).batches("train")
    assert str(caught.value) == message
    assert repo.stage("baseline", fails=True) == f"error: {message}\n"
    assert repo.run("python", "-m", "pipeline.train", "dense", fails=True) == f"error: {message}\n"
    assert repo.stages_run(repo.dvc("repro", "arrays")) == ["arrays"]
    project = open_project(repo.root)
    assert project.series_windows("train").targets.min() >= 0
    assert project.series_windows("train").targets.max() > 60  # per cent, not degrees


@pytest.mark.parametrize(
    "change",
    [
        lambda params: params["split"].update(train=0.6, validation=0.2),
        lambda params: params["convert"]["columns"].reverse(),
    ],
)
def test_other_statistics_beside_old_features_are_refused(
    project: Repo, change: Callable[[Any], None]
) -> None:
    project.edit(change)
    for stage in ("convert", "features", "statistics", "splits"):
        project.stage(stage)
    with pytest.raises(ProjectError, match=r"out of date: .*; build them again: dvc repro arrays$"):
        open_project(project.root).batches("train")
    project.stage("arrays")
    assert len(open_project(project.root).batches("train", 100)) > 10


def absent(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_full_disk(path: Path) -> None:
    path.with_name(f"{path.name}.part").symlink_to("/dev/full")


@pytest.mark.parametrize(
    ("stage", "name", "change", "message"),
    [
        (
            "statistics",
            "interim/climate.parquet",
            absent,
            "is not built yet; build it: dvc rep",
        ),
        ("statistics", "interim/climate.parquet", cut_short, "climate.parquet is damaged ("),
        (
            "statistics",
            "interim/features.parquet",
            absent,
            "not built yet; build it: dvc repro fea",
        ),
        ("splits", "interim/findings.parquet", absent, "is not built yet; build it: dvc repro con"),
        ("splits", "interim/findings.parquet", cut_short, "findings.parquet is damaged ("),
        ("splits", "interim/findings.parquet", a_folder, "findings.parquet: Is a directory; put"),
        ("splits", "interim/source.json", cut_short, "source.json "),
        (
            "arrays",
            "processed/statistics.json",
            cut_short,
            "statistics.json was damaged: it is",
        ),
        ("arrays", "processed/statistics.json", a_folder, "statistics.json: Is a directory; put"),
        ("baseline", "processed/splits.json", a_folder, "splits.json: Is a directory; put that"),
        ("baseline", "processed/features.npy", a_folder, "features.npy: Is a directory; put that"),
        ("baseline", "processed/arrays.json", absent, "is not built yet; build it: dvc repro arr"),
        ("evaluate", "predictions/naive.parquet", a_folder, "naive.parquet: Is a directory; put"),
        ("evaluate", "predictions/dense.parquet", cut_short, "dense.parquet is damaged ("),
        ("statistics", "processed/statistics.json", a_full_disk, ": No space left on device; che"),
        ("arrays", "processed/features.npy", a_full_disk, ": No space left on device; check the"),
        ("baseline", "predictions/naive.parquet", a_full_disk, ": No space left on device; check"),
    ],
)
def test_one_line_and_exit_code_2(
    project: Repo, stage: str, name: str, change: Callable[[Path], None], message: str
) -> None:
    change(project.root / "data" / name)
    output = project.stage(stage, fails=True)
    assert output.startswith("error: ")
    assert message in output
    assert output.count("\n") == 1


def test_arrays_that_were_not_written_to_the_end_are_not_used(repo: Any) -> None:
    a_full_disk(repo.root / "data/processed/targets.npy")
    repo.stage("arrays", fails=True)
    with pytest.raises(ProjectError, match=r"arrays.json is not built yet; build it: dvc repro"):
        open_project(repo.root).series_windows("train")
    repo.dvc("repro", "arrays")
    assert len(open_project(repo.root).series_windows("train"))
