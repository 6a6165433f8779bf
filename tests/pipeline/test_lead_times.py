"""Further horizons: what is trained for them, and the leaderboard's MAE by lead time."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from jena_etl.errors import ProjectError
from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.project import Project, open_project

REPORTS = ("leaderboard.csv", "leaderboard.md", "metrics/dense.json", "metrics/naive.json")


@pytest.fixture
def ahead(repo: Any) -> Any:
    """A repository whose params ask for two further horizons, none of which has been prepared."""
    repo.edit(lambda params: params.update(architectures=["dense"], further_horizons=[1, 30]))
    return repo


def mae(project: Project, name: str) -> float:
    """On the test split, worked out by hand from the file of forecasts."""
    rows = pq.read_table(project.predictions_parquet(name)).to_pylist()
    errors = [abs(r["prediction"] - r["observation"]) for r in rows if r["split"] == "test"]
    return statistics.fmean(errors)


@pytest.mark.slow
def test_a_further_horizon_gives_what_it_gives_as_the_horizon(ahead: Any) -> None:
    """The same splits and forecasts, byte for byte; what the project has stays as it was."""
    project = open_project(ahead.root)
    kept = [project.model_file("dense"), project.splits_json, project.history_csv("dense")]
    before = [path.read_bytes() for path in kept]
    assert "windows 30 steps ahead" in ahead.stage("horizon", "30")
    assert "Epoch 2/2" in ahead.stage("train_horizon", "dense", "30")
    assert [path.read_bytes() for path in kept] == before
    assert not list((ahead.root / "checkpoints").iterdir())
    names = ("dense", *BASELINES)
    splits = project.further_horizon(30).splits_json.read_bytes()
    found = [project.predictions_parquet(f"{name}-horizon30").read_bytes() for name in names]

    ahead.edit(lambda params: params.update(further_horizons=[]))
    ahead.edit(lambda params: params["window"].update(horizon=30))
    for stage in (["splits"], ["baseline"], ["train", "dense"]):
        ahead.stage(*stage)
    assert project.splits_json.read_bytes() == splits
    assert [project.predictions_parquet(name).read_bytes() for name in names] == found


@pytest.mark.slow
def test_the_leaderboard_shows_mae_and_skill_by_lead_time(ahead: Any) -> None:
    project = open_project(ahead.root)
    metrics = project.metrics_json("dense").read_bytes()
    for steps in ("1", "30"):
        ahead.stage("horizon", steps)
        if steps == "1":
            assert ahead.stage("evaluate", fails=True) == (
                "error: dense-horizon1.parquet is not built yet; build it: dvc repro "
                "train_horizon@dense-1\n"
            )
            ahead.stage("train_horizon", "dense", steps)
        else:  # it need not be trained twice for a test of the scores
            copied = project.predictions_parquet(f"climatology-horizon{steps}")
            shutil.copyfile(copied, project.predictions_parquet(f"dense-horizon{steps}"))
    ahead.stage("evaluate")
    rows = {row["architecture"]: row for row in read_leaderboard(project.leaderboard_csv)}
    names = ("dense", *BASELINES)
    files = {1: "-horizon1", 24: "", 30: "-horizon30"}
    expected = {name: {at: mae(project, name + end) for at, end in files.items()} for name in names}
    for name in names:
        figures = {k: float(v) for k, v in rows[name].items() if k.startswith("lead_time_")}
        assert list(figures) == [
            f"lead_time_{what}_{at}" for what in ("mae", "skill") for at in files
        ]
        for at in files:
            skill = 1 - expected[name][at] / expected["naive"][at]
            assert figures[f"lead_time_mae_{at}"] == pytest.approx(expected[name][at], rel=1e-5)
            assert figures[f"lead_time_skill_{at}"] == pytest.approx(skill, rel=1e-4, abs=1e-7)
    assert expected["naive"][1] < expected["naive"][30]
    assert rows["dense"]["lead_time_mae_24"] == rows["dense"]["test_mae"]
    table = project.leaderboard_md.read_text().partition("## MAE by lead time")[2]
    heads = "| architecture | MAE 1 h | MAE 24 h | MAE 30 h | skill 1 h | skill 24 h | skill 30 h |"
    assert heads in table
    assert f"| dense | {' | '.join(f'{one:.3f}' for one in expected['dense'].values())} |" in table
    assert project.metrics_json("dense").read_bytes() == metrics
    ahead.stage("report")
    page = project.report_html.read_text()
    assert "MAE 30 h</th>" in page
    assert 'id="mae-by-lead-time-title"' in page


def test_an_ensemble_has_its_own_weights_at_each_lead_time(repo: Any) -> None:
    """One of the two members forecasts what comes true, and has all the weight."""
    repo.edit(
        lambda params: params.update(further_horizons=[6], ensembles={"both": ["dense", "lstm"]})
    )
    repo.stage("horizon", "6")
    project = open_project(repo.root)
    table = pq.read_table(project.predictions_parquet("naive-horizon6"))
    pq.write_table(table, project.predictions_parquet("dense-horizon6"))
    at = table.schema.get_field_index("prediction")
    perfect = table.set_column(at, "prediction", table.column("observation"))
    pq.write_table(perfect, project.predictions_parquet("lstm-horizon6"))
    repo.stage("evaluate")
    rows = {row["architecture"]: row for row in read_leaderboard(project.leaderboard_csv)}
    assert float(rows["both"]["lead_time_mae_6"]) == pytest.approx(0, abs=1e-5)
    assert float(rows["both"]["lead_time_skill_6"]) == pytest.approx(1, abs=1e-5)
    assert rows["both"]["lead_time_mae_24"] == rows["both"]["test_mae"]
    assert float(rows["dense"]["lead_time_skill_6"]) == 0


def test_a_horizon_off_the_list_leaves_the_folder_and_the_leaderboard(repo: Any) -> None:
    project = open_project(repo.root)
    before = [(repo.root / "reports" / name).read_bytes() for name in REPORTS]
    forecasts = project.predictions_parquet("dense").read_bytes()
    for name in ("dense", "naive"):
        project.predictions_parquet(f"{name}-horizon6").write_bytes(forecasts)
    shown = repo.stage("evaluate")
    for name in ("dense", "naive"):
        file = f"predictions/{name}-horizon6.parquet"
        assert f"data/{file}: not listed in params.yaml; moved to unlisted/pred" in shown
        assert (repo.root / "unlisted" / file).read_bytes() == forecasts
        assert not (repo.root / "data" / file).exists()
    assert [(repo.root / "reports" / name).read_bytes() for name in REPORTS] == before


def test_splits_that_are_missing_or_damaged_are_refused_with_their_own_stage(ahead: Any) -> None:
    further = open_project(ahead.root).further_horizon(30)
    file = "data/horizons/30/splits.json"
    with pytest.raises(ProjectError, match=f"^{file} is not built yet; .*: dvc repro horizon@30$"):
        further.windows("train")
    ahead.stage("horizon", "30")
    further.splits_json.write_text("{}")
    with pytest.raises(ProjectError, match=f"^{file} .*dvc repro -f horizon@30$"):
        open_project(ahead.root).further_horizon(30).windows("train")
    ahead.stage("horizon", "30")
    further.features_npy.unlink()
    with pytest.raises(ProjectError, match=r"features.npy is not built yet; .*: dvc repro arrays$"):
        open_project(ahead.root).further_horizon(30).windows("train")


@pytest.mark.parametrize("steps", ["24", "01", "x"])
def test_a_horizon_that_is_not_listed_is_refused(ahead: Any, steps: str) -> None:
    said = f"error: {steps} is not one of further_horizons [1, 30] in params.yaml; add it\n"
    assert ahead.stage("horizon", steps, fails=True) == said
    assert ahead.stage("train_horizon", "dense", steps, fails=True) == said


@pytest.mark.nightly
def test_another_horizon_trains_for_that_one_alone(repeated: Any, tmp_path: Path) -> None:
    ran = repeated.stages_run((repeated.root / "repro.txt").read_text())
    assert [name for name in ran if "horizon" in name] == ["horizon@6", "train_horizon@dense-6"]
    repo = repeated.copy(tmp_path / "repo")
    repo.edit(lambda params: params["further_horizons"].insert(0, 2))
    assert repo.stages_run(repo.dvc("repro", "evaluate")) == [
        "check", "horizon@2", "train_horizon@dense-2", "evaluate",
    ]  # fmt: skip
    repo.edit(lambda params: params.update(further_horizons=[]))
    assert repo.stages_run(repo.dvc("repro")) == ["check", "evaluate", "report"]
    assert not list((repo.root / "data/predictions").glob("*-horizon*"))
    assert "Data and pipelines are up to date" in repo.dvc("status")
