"""The folds of the rolling origin: what is trained on what, and what the leaderboard says."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jena_etl.commands.audit_copies import replace_rows
from jena_etl.errors import ProjectError
from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.project import Project, open_project
from tests.pipeline.conftest import ORIGINS, with_folds

FIRST, SECOND = ORIGINS


@pytest.fixture
def folds(repo: Any) -> Any:
    """A repository whose params ask for folds, none of which has been prepared."""
    repo.edit(lambda params: params.update(architectures=["dense"]))
    repo.edit(with_folds)
    return repo


def forecasts(project: Project, name: str) -> list[dict[str, Any]]:
    """Those of the test rows."""
    rows = pq.read_table(project.predictions_parquet(name)).to_pylist()
    return [row for row in rows if row["split"] == "test"]


def test_a_fold_is_scored_after_its_origin_and_fitted_before(folds: Any) -> None:
    assert "test: " in folds.stage("fold", FIRST)
    project = open_project(folds.root)
    fold = project.fold(FIRST)
    climate = pq.read_table(project.climate_parquet)
    timestamps = climate.column(0).to_numpy().astype("datetime64[s]")
    at = int(np.flatnonzero(timestamps >= np.datetime64(FIRST))[0])
    train = slice(0, at - 400)
    for name, column in fold.statistics.columns.items():
        assert column.mean == pytest.approx(climate.column(name).to_numpy()[train].mean())
    assert fold.splits.rows == len(fold.timestamps) == at + 600
    labels = fold.timestamps[fold.series_windows("validation").target_rows()].max()
    scored = forecasts(project, f"naive-fold{FIRST}")
    issued = min(row["issued"] for row in scored)
    assert labels == np.datetime64(issued, "s") - 20 * np.timedelta64(600, "s")  # gap: 20 rows
    observed = dict(zip(timestamps.tolist(), climate.column("T (degC)").to_pylist(), strict=True))
    for row in scored[::50]:
        assert row["prediction"] == pytest.approx(observed[row["issued"]], rel=1e-6)
        assert row["observation"] == pytest.approx(observed[row["timestamp"]], rel=1e-6)


def test_what_a_fold_learns_from_does_not_know_later_rows(folds: Any) -> None:
    """All measurements behind the latest label are replaced: its training would be the same."""
    folds.stage("fold", FIRST)
    before = open_project(folds.root).fold(FIRST)
    latest = int(before.series_windows("validation").target_rows()[-1])
    learnt = {split: list(before.batches(split)) for split in ("train", "validation")}
    statistics_before, targets_before = before.statistics, before.series_windows("test").targets
    climate = open_project(folds.root).climate_parquet
    content = climate.read_bytes()
    climate.unlink()  # a link into DVC's cache
    climate.write_bytes(content)
    replace_rows(climate, latest + 1)
    folds.stage("features")
    folds.stage("fold", FIRST)
    after = open_project(folds.root).fold(FIRST)
    assert after.statistics.columns == statistics_before.columns
    for split, batches in learnt.items():
        for one, other in zip(batches, after.batches(split), strict=True):
            assert all((x == y).all() for x, y in zip(one, other, strict=True))
    changed = targets_before != after.series_windows("test").targets
    assert not changed[: latest + 1].any()
    assert changed[latest + 1 :].all()


@pytest.mark.slow
def test_the_leaderboard_shows_mean_spread_and_skill_over_the_folds(folds: Any) -> None:
    project = open_project(folds.root)
    ranked = [row["architecture"] for row in read_leaderboard(project.leaderboard_csv)]
    for origin in ORIGINS:
        folds.stage("fold", origin)
        if origin == FIRST:
            assert folds.stage("evaluate", fails=True).startswith(
                f"error: dense-fold{FIRST}.parquet is not built yet; build it: dvc repro "
                f"train_fold@dense-{FIRST}"
            )
            assert "Epoch 2/2" in folds.stage("train_fold", "dense", origin)
        else:  # it need not be trained twice for a test of the scores
            copied = project.predictions_parquet(f"naive-fold{origin}")
            shutil.copyfile(copied, project.predictions_parquet(f"dense-fold{origin}"))
    folds.stage("evaluate")
    rows = {row["architecture"]: row for row in read_leaderboard(project.leaderboard_csv)}
    assert list(rows) == [name for name in ranked if name != "lstm"]  # the rank is as it was
    mae = {
        name: [
            statistics.fmean(
                abs(row["prediction"] - row["observation"])
                for row in forecasts(project, f"{name}-fold{origin}")
            )
            for origin in ORIGINS
        ]
        for name in ("dense", *BASELINES)
    }
    assert mae["dense"][0] != mae["naive"][0]
    for name, (first, second) in mae.items():
        found = {
            column.removeprefix("rolling_origin_"): float(value)
            for column, value in rows[name].items()
            if column.startswith("rolling_origin_")
        }
        assert found == pytest.approx(
            {
                "mae_mean": (first + second) / 2,
                "mae_std": abs(first - second) / 2**0.5,
                "skill": 1 - (first + second) / sum(mae["naive"]),
                f"mae_{FIRST}": first,
                f"mae_{SECOND}": second,
            },
            rel=1e-5,
            abs=1e-7,
        )
    table = project.leaderboard_md.read_text().partition("## Rolling origin")[2]
    assert f"| architecture | MAE, mean | skill | from {FIRST} | from {SECOND} |" in table
    assert f"| dense | {sum(mae['dense']) / 2:.3f} ± " in table
    assert "rolling_origin_skill" in folds.json("reports/metrics/dense.json")
    folds.stage("report")
    assert f"from {FIRST}</th>" in project.report_html.read_text()


def test_a_fold_that_is_not_whole_is_refused_with_the_stage_that_makes_it(folds: Any) -> None:
    fold = open_project(folds.root).fold(FIRST)
    again = f"; build it: dvc repro -f fold@{FIRST}"
    with pytest.raises(ProjectError, match=f"data/folds/{FIRST}: .*not built yet{again}"):
        fold.series_windows("train")
    folds.stage("fold", FIRST)
    fold.features_npy.write_bytes(b"")
    with pytest.raises(ProjectError, match=f"features.npy is damaged .*{again}"):
        open_project(folds.root).fold(FIRST).series_windows("train")


def test_an_origin_that_is_not_listed_is_refused(folds: Any) -> None:
    assert folds.stage("fold", "2009-01-13", fails=True) == (
        f"error: 2009-01-13 is not one of rolling_origin.origins ['{FIRST}', '{SECOND}'] in "
        "params.yaml; add it\n"
    )


@pytest.mark.nightly
def test_another_origin_trains_that_one_alone(repeated: Any, tmp_path: Path) -> None:
    ran = repeated.stages_run((repeated.root / "repro.txt").read_text())
    stages = [f"fold@{origin}" for origin in ORIGINS]
    assert {name for name in ran if "fold" in name} == {
        *stages, *(f"train_{name.replace('@', '@dense-')}" for name in stages)
    }  # fmt: skip
    repo = repeated.copy(tmp_path / "repo")
    repo.edit(lambda params: params["rolling_origin"]["origins"].insert(1, "2009-01-14"))
    ran = repo.stages_run(repo.dvc("repro", "evaluate"))
    assert [name for name in ran if name != "check"] == [
        "fold@2009-01-14", "train_fold@dense-2009-01-14", "evaluate",
    ]  # fmt: skip
    repo.edit(lambda params: params["rolling_origin"].update(origins=[]))
    assert repo.stages_run(repo.dvc("repro")) == ["check", "evaluate", "report"]
    assert not list((repo.root / "data/predictions").glob("*-fold*"))
    assert "Data and pipelines are up to date" in repo.dvc("status")
