"""Further seeds: what they train, what the leaderboard makes of it, and what stays as it was."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.project import Project, open_project

REPORTS = ("leaderboard.csv", "leaderboard.md", "metrics/dense.json", "metrics/naive.json")


def reports(root: Path) -> list[bytes]:
    return [(root / "reports" / name).read_bytes() for name in REPORTS]


def mae(path: Path, split: str) -> float:
    """Worked out by hand from the file of forecasts."""
    errors = [
        abs(row["prediction"] - row["observation"])
        for row in pq.read_table(path).to_pylist()
        if row["split"] == split
    ]
    return statistics.fmean(errors)


@pytest.mark.slow
def test_a_further_seed_gives_what_it_gives_as_the_seed(repo: Any) -> None:
    """In one process each; nothing but the forecasts is left, and the model of `seed` stays."""
    project = open_project(repo.root)
    model = project.model_file("dense").read_bytes()
    repo.edit(lambda params: params.update(architectures=["dense"], further_seeds=[1, 2]))
    shown = repo.stage("train_seed", "dense", "1")
    assert "Epoch 2/2" in shown
    assert project.model_file("dense").read_bytes() == model
    assert not list((repo.root / "checkpoints").iterdir())
    further = project.predictions_parquet("dense-seed1").read_bytes()
    assert further != project.predictions_parquet("dense").read_bytes()

    assert repo.stage("evaluate", fails=True) == (
        "error: dense-seed2.parquet is not built yet; build it: dvc repro train_seed@dense-2\n"
    )
    before = reports(repo.root)
    repo.edit(lambda params: params.update(further_seeds=[1]))
    repo.stage("evaluate")
    assert all(one != other for one, other in zip(reports(repo.root)[:3], before, strict=False))
    (row,) = (r for r in read_leaderboard(project.leaderboard_csv) if r["architecture"] == "dense")
    assert row["seeds"] == "2"
    files = [project.predictions_parquet(name) for name in ("dense", "dense-seed1")]
    for split in ("validation", "test"):
        both = [mae(file, split) for file in files]
        assert float(row[f"{split}_mae"]) == pytest.approx(both[0], rel=1e-6)
        assert float(row[f"{split}_mae_mean"]) == pytest.approx(sum(both) / 2, rel=1e-6)
        spread = abs(both[0] - both[1]) / 2**0.5
        assert float(row[f"{split}_mae_std"]) == pytest.approx(spread, rel=1e-4)
    repo.stage("report")
    page = project.report_html.read_text()
    assert "Mean and standard deviation over 2 seeds" in page
    assert "averaged over 2 seeds, of the arch" in project.model_card_md.read_text()

    repo.edit(lambda params: params.update(seed=1, further_seeds=[]))
    repo.stage("train", "dense")
    assert project.predictions_parquet("dense").read_bytes() == further


def test_a_seed_off_the_list_leaves_the_folder_and_the_leaderboard(repo: Any) -> None:
    project = open_project(repo.root)
    before = reports(repo.root)
    for seed in (1, 2):
        forecasts = project.predictions_parquet("dense").read_bytes()
        project.predictions_parquet(f"dense-seed{seed}").write_bytes(forecasts)
    shown = repo.stage("evaluate")
    for seed in (1, 2):
        name = f"predictions/dense-seed{seed}.parquet"
        assert f"data/{name}: not listed in params.yaml; moved to unlisted/pred" in shown
        assert (repo.root / "unlisted" / name).read_bytes() == forecasts
        assert not (repo.root / "data" / name).exists()
    assert reports(repo.root) == before


@pytest.mark.slow
def test_an_interrupted_seed_resumes_and_leaves_the_others_checkpoints(
    repo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.edit(lambda params: params.update(architectures=["dense"], further_seeds=[1, 11]))
    folder = repo.root / "checkpoints"
    folder.mkdir(exist_ok=True)
    others = {f"{name}-{'0' * 16}.npz" for name in ("dense", "dense-seed11", "dense_deep")}
    for name in others:
        (folder / name).touch()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jena_etl.training.run.write_model", stop)
        repo.stage("train_seed", "dense", "1", fails=True)
    (checkpoint,) = {path.name for path in folder.iterdir()} - others
    assert checkpoint.startswith("dense-seed1-")
    assert "Epoch" not in repo.stage("train_seed", "dense", "1")  # both were done
    assert {path.name for path in folder.iterdir()} == others
    assert [path.name for path in Project(repo.root).unfinished("dense")] == [
        f"dense-{'0' * 16}.npz"
    ]


@pytest.mark.parametrize("seed", ["3", "01", "x"])
def test_a_seed_that_is_not_listed_is_refused(repo: Any, seed: str) -> None:
    repo.edit(lambda params: params.update(further_seeds=[1, 2]))
    assert repo.stage("train_seed", "dense", seed, fails=True) == (
        f"error: {seed} is not one of further_seeds [1, 2] in params.yaml; add it\n"
    )


@pytest.mark.nightly
def test_another_seed_trains_that_one_alone(built: Any, repeated: Any, tmp_path: Path) -> None:
    trained = ["train_seed@dense-1", "train_seed@dense-2"]
    ran = repeated.stages_run((repeated.root / "repro.txt").read_text())
    assert [name for name in ran if "fold" not in name and "horizon" not in name] == [
        "check", *trained, "evaluate", "report",
    ]  # fmt: skip
    model = (built.root / "models/dense.keras").read_bytes()
    assert (repeated.root / "models/dense.keras").read_bytes() == model
    repo = repeated.copy(tmp_path / "repo")
    repo.edit(lambda params: params["further_seeds"].append(5))
    ran = repo.stages_run(repo.dvc("repro", "evaluate"))
    assert ran == ["check", "train_seed@dense-5", "evaluate"]

    # A colleague is up to date.
    repo.edit(lambda params: params.update(further_seeds=[2]))
    assert repo.stages_run(repo.dvc("repro")) == ["check", "evaluate", "report"]
    repo.dvc("remote", "add", "-d", "team", str(tmp_path / "remote"))
    repo.commit("seed 2")
    repo.dvc("push")
    clone = repo.clone(tmp_path / "clone")
    clone.dvc("pull")
    assert "Data and pipelines are up to date" in clone.dvc("status")

    # Back on the list, the others come from DVC's cache; none leaves no trace.
    repo.edit(lambda params: params.update(further_seeds=[1, 2, 5]))
    ran = repo.stages_run(repo.dvc("repro", "evaluate"))
    assert not [name for name in ran if "train" in name]
    repo.edit(lambda params: params.update(further_seeds=[]))
    assert repo.stages_run(repo.dvc("repro", "evaluate")) == ["check", "evaluate"]
    assert {path.stem for path in (repo.root / "data/predictions").iterdir()} >= {"dense", "naive"}
    assert not list((repo.root / "data/predictions").glob("*-seed*"))


def test_seeds_that_are_no_list_are_refused(repo: Any) -> None:
    """DVC cannot make stages of them, and says little; doctor says what is wrong."""
    repo.edit(lambda params: params.update(further_seeds=3))
    assert "is not iterable" in repo.dvc("repro", fails=True)
    found = repo.jena_etl("doctor", fails=True)
    assert "params.yaml: further_seeds: input should be a valid list, found 3" in found
    assert "edit params.yaml" in found
