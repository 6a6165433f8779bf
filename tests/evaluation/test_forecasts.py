"""Forecasts read one at a time, and ensembles put together from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jena_etl.errors import ProjectError
from jena_etl.evaluation.ensemble import ensemble_weights, weighted_mean
from jena_etl.evaluation.forecasts import Forecasts
from jena_etl.evaluation.predictions import SCORED, Predictions, predictions_writer, with_seed
from jena_etl.prepare.outputs import StationList
from jena_etl.project import Project

HOURS = np.arange(400).astype("datetime64[h]").astype("datetime64[s]")
ENSEMBLES = {"both": ("dense", "lstm")}


def write(project: Project, name: str, errors: list[np.ndarray]) -> None:
    """Forecasts of 0 that are wrong by so much at each station."""
    zeros = np.zeros(len(HOURS), np.float32)
    with predictions_writer(project.predictions_parquet(name)) as add:
        for number, error in enumerate(errors):
            part = Predictions(HOURS, HOURS + 86_400, zeros, error.astype(np.float32))
            add(dict.fromkeys(SCORED, part), number if len(errors) > 1 else None)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two stations, at which the models err in different ways; the second one is unseen."""
    project = Project(tmp_path)
    project.stations_json.parent.mkdir(parents=True)
    StationList(first="a", further=("b",), unseen=("b",), statistics="pooled").write(
        project.stations_json
    )
    ones, twos = np.tile([1.0, 1, -1, -1], 100), np.tile([2.0, -2, 2, -2], 100)
    write(project, "naive", [twos, twos])
    write(project, "dense", [ones, ones])
    write(project, "lstm", [twos, 2 * ones])
    return project


def test_all_share_what_is_the_same_and_ensembles_come_last(project: Project) -> None:
    forecasts = Forecasts(project, ("naive", "dense", "lstm"), ENSEMBLES)
    assert list(forecasts) == ["naive", "dense", "lstm", "both"]
    naive, *others = forecasts.values()
    for other in others:
        assert other["test"].timestamp is naive["test"].timestamp
        assert other["test"].station is naive["test"].station


def test_weights_are_fitted_where_models_learn_and_hold_everywhere(project: Project) -> None:
    forecasts = Forecasts(project, ("naive", "dense", "lstm"), ENSEMBLES)
    members = {name: forecasts[name]["validation"] for name in ENSEMBLES["both"]}
    # At the first station their errors are independent, so the weights are inverse to the
    # variances; at the second one lstm only adds to the errors of dense.
    assert forecasts.weights("both") == pytest.approx({"dense": 0.8, "lstm": 0.2}, abs=1e-5)
    assert ensemble_weights({n: one.of_stations([1]) for n, one in members.items()})["dense"] == 1
    found = forecasts["both"]["test"]
    assert found.prediction.tolist() == (
        weighted_mean(forecasts.weights("both"), members).prediction.tolist()
    )
    assert len(found.prediction) == 2 * len(HOURS)
    assert forecasts.weights("dense") == {}


def test_the_forecasts_of_another_training_have_their_own_files(project: Project) -> None:
    write(project, with_seed("dense", 7), [np.full(len(HOURS), 7.0)] * 2)
    forecasts = Forecasts(project, ("dense", "lstm"), {}, lambda name: with_seed(name, 7))
    assert set(forecasts["dense"]["test"].prediction.tolist()) == {7.0}
    with pytest.raises(ProjectError, match="build it: dvc repro train_seed@lstm-7"):
        forecasts["lstm"]
