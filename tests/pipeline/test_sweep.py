"""Trainings side by side on Ray: the bytes of `dvc repro`, and a search whose winner repeats."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from jena_etl.evaluation.history import read_history
from jena_etl.project import open_project
from tests.sweep.two_nodes import two_nodes

# A sweep whose driver ends as if killed, after a training has ended and before DVC has its outs.
CRASHES = """
import os
from jena_etl.commands import sweep
from jena_etl.project import find_project
from jena_etl.sweep.cluster import RayCluster
sweep.record = lambda *_: os._exit(9)
# One after the other: one that ends while Ray stops would not be known to have ended.
sweep.sweep_leaderboard(find_project(), RayCluster(address=None, cpus=os.cpu_count(), gpus=0))
"""


def without_ray(repo: Any, *arguments: str) -> str:
    script = "import sys; sys.modules['ray'] = None; from jena_etl.cli import run; run()"
    shown: str = repo.run(sys.executable, "-c", script, *arguments, fails=True)
    return shown


def forget_the_training(repo: Any) -> None:
    """As if it had never been trained here."""
    yaml = YAML()
    lock = yaml.load(repo.root / "dvc.lock")
    lock["stages"] = {
        name: stage for name, stage in lock["stages"].items() if not name.startswith("train")
    }
    yaml.dump(lock, repo.root / "dvc.lock")
    shutil.rmtree(repo.root / ".dvc/cache/runs")
    shutil.rmtree(repo.root / "models")
    shutil.rmtree(repo.root / "reports/history")
    for name in ("dense", "lstm"):
        (repo.root / f"data/predictions/{name}.parquet").unlink()


def recorded(repo: Any) -> Any:
    """What dvc.lock says of every stage, in whatever order."""
    return YAML(typ="safe", pure=True).load(repo.root / "dvc.lock")["stages"]


def trained(repo: Any) -> list[str]:
    """The architecture of each training that has come to its end."""
    lines = (repo.root / "logs/runs.jsonl").read_text().splitlines()
    return [json.loads(line)["architecture"] for line in lines]


@pytest.mark.slow
def test_without_the_extra_one_line_says_what_to_type(repo: Any) -> None:
    (repo.root / "space.yaml").write_text("architectures: [dense]\nparams: {}\n")
    for arguments in (["--leaderboard"], ["space.yaml"]):
        assert without_ray(repo, "sweep", *arguments) == (
            "error: a sweep needs the package ray, which is not installed; install the extra: "
            "uv sync --extra ray, or pip install 'jena-etl[ray]'\n"
        )


def test_either_a_space_or_the_leaderboard(repo: Any) -> None:
    expected = "error: name a SPACE.yaml or add --leaderboard, exactly one of the two\n"
    assert repo.jena_etl("sweep", fails=True) == expected
    assert repo.jena_etl("sweep", "space.yaml", "--leaderboard", fails=True) == expected


SPACE = """\
architectures: [dense, lstm]
params:
  train.batch_size: [128, 256]
  window.sequence_length: {low: 6, high: 12, step: 3}
  models.dense.units: {low: 2, high: 16, log: true}
  models.dense.learning_rate: {low: 1.0e-3, high: 1.0e-1, log: true}
"""


@pytest.mark.nightly
def test_the_winners_command_line_gives_its_score_to_the_last_digit(repo: Any) -> None:
    (repo.root / "space.yaml").write_text(SPACE)
    shown = repo.run("jena-etl", "sweep", "space.yaml", "--trials", "3")
    folder = repo.root / "reports/sweeps/space"
    rows = pq.read_table(folder / "trials.parquet").to_pylist()
    assert len(rows) == len({row["key"] for row in rows}) == 3
    best = rows[0]
    assert best["state"] == "finished"
    assert best["validation_mae"] == min(
        row["validation_mae"] for row in rows if row["state"] == "finished"
    )
    page = (folder / "index.html").read_text()
    assert f"{best['validation_mae']:.4g}" in page
    assert not list(Path(repo.root / "checkpoints").glob("*.npz"))

    again = repo.run("jena-etl", "sweep", "space.yaml", "--trials", "3")
    assert "all 3 trials have been run before: nothing to do" in again
    assert pq.read_table(folder / "trials.parquet").to_pylist() == rows

    (line,) = [line for line in shown.splitlines() if line.startswith("to train it in the pipel")]
    repo.type(line.partition(": ")[2])
    name = best["architecture"]
    metrics = repo.json(f"reports/metrics/{name}.json")
    assert metrics["validation_mae"] == best["validation_mae"]
    history = read_history(open_project(repo.root).history_csv(name), built_by="")
    assert history.val_mae == best["history"]


@pytest.mark.nightly
def test_the_models_are_those_of_dvc_repro_and_none_is_trained_twice(repo: Any) -> None:
    lock = recorded(repo)
    files = [*(repo.root / "models").iterdir(), *(repo.root / "reports/history").iterdir()]
    files += [repo.root / f"data/predictions/{name}.parquet" for name in ("dense", "lstm")]
    before, earlier = {file: file.read_bytes() for file in files}, trained(repo)
    forget_the_training(repo)

    repo.run(sys.executable, "-c", CRASHES, fails=True)
    assert len(trained(repo)) > len(earlier)  # one has come to its end, and DVC does not know
    with two_nodes() as cluster:
        shown = repo.run("jena-etl", "sweep", "--leaderboard", "--address", cluster.address)
    assert "The pipeline is up to date" in shown
    assert "(pid=" not in shown  # of Ray
    assert "dashboard" not in shown.lower()
    assert sorted(trained(repo)[len(earlier) :]) == ["dense", "lstm"]
    assert {file: file.read_bytes() for file in files} == before
    assert recorded(repo) == lock
    assert repo.stages_run(repo.dvc("repro")) == []
    assert not list((repo.root / "checkpoints/sweep").glob("*.json"))

    # Another time there is nothing to do; what is in DVC's cache is not trained either.
    (repo.root / "models/dense.keras").unlink()
    assert "trainings" not in repo.run("jena-etl", "sweep", "--leaderboard")
    assert {file: file.read_bytes() for file in files} == before
