"""Ensembles: a row of the leaderboard, and a model like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.evaluation.predictions import read_predictions
from jena_etl.project import open_project
from tests.pipeline.test_dependencies import assert_declared, imported_by_stage

MEMBERS = ("dense", "lstm")


def row_of(path: Path, name: str) -> dict[str, str]:
    (row,) = (row for row in read_leaderboard(path) if row["architecture"] == name)
    return row


@pytest.mark.slow
def test_an_ensemble_is_scored_and_forecasts_its_weighted_mean(repo: Any) -> None:
    project = open_project(repo.root)
    before = project.leaderboard_csv.read_bytes()
    repo.edit(lambda params: params.update(ensembles={"both": list(MEMBERS)}))
    repo.stage("evaluate")
    metrics = json.loads(project.metrics_json("both").read_text())
    weights = metrics["weights"]
    assert sorted(weights) == sorted(MEMBERS)
    forecasts = {
        name: read_predictions(project.predictions_parquet(name), built_by="train")
        for name in MEMBERS
    }
    row = row_of(project.leaderboard_csv, "both")
    assert row["kind"] == "ensemble"
    assert "| both (ensemble" in project.leaderboard_md.read_text()
    for split in ("validation", "test"):
        mean = sum(weights[n] * forecasts[n][split].prediction.astype(float) for n in MEMBERS)
        error = np.abs(mean - forecasts["dense"][split].observation).mean()
        assert float(row[f"{split}_mae"]) == pytest.approx(error, rel=1e-5)
        assert metrics[f"{split}_mae"] == pytest.approx(error, rel=1e-5)

    repo.stage("report")
    page = project.report_html.read_text()
    assert "Of 2 models and 1 ensemble of them, " in page
    assert "both (ensemble)" in page

    shown = repo.stage("ensemble", "both")
    assert shown.startswith("both = ")
    forecaster = open_project(repo.root).forecaster("both")
    windows = project.windows("test")
    mean = sum(weights[n] * forecasts[n]["test"].prediction.astype(float) for n in MEMBERS)
    np.testing.assert_allclose(forecaster.forecast_windows(windows), mean, atol=1e-3)
    assert forecaster.residuals is not None  # so that its forecasts have an interval
    assert open_project(repo.root).forecaster("best").metadata.architecture in MEMBERS

    repo.edit(lambda params: params.update(ensembles={}))
    repo.stage("evaluate")
    assert project.leaderboard_csv.read_bytes() == before
    assert not project.metrics_json("both").exists()


@pytest.mark.nightly
def test_dvc_builds_what_is_listed_and_nothing_else(repo: Any) -> None:
    repo.edit(lambda params: params.update(ensembles={"both": list(MEMBERS)}))
    shown = repo.dvc("repro")
    assert "Running stage 'ensemble@both'" in shown
    assert "Running stage 'train" not in shown
    recorded = imported_by_stage(repo)
    assert_declared(repo, {key: found for key, found in recorded.items() if key[0] == "ensemble"})
    assert "up to date" in repo.dvc("status")
    page = open_project(repo.root).report_html.read_text()
    assert "both" in page
