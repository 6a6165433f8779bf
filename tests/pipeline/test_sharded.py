"""The train stage with two processes, against what it gave with one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jena_etl.evaluation.predictions import SCORED, read_predictions
from jena_etl.project import Project, open_project


def history(project: Project) -> np.ndarray:
    return np.loadtxt(project.history_csv("dense"), delimiter=",", skiprows=1)


def forecasts(project: Project) -> list[np.ndarray]:
    found = read_predictions(project.predictions_parquet("dense"), built_by="train")
    return [found[split].prediction for split in SCORED]


@pytest.mark.nightly
def test_the_train_stage_in_two_processes(repo: Any) -> None:
    """Losses, MAE and forecasts are the same to rounding; a run leaves no checkpoint behind."""
    project = open_project(repo.root)
    losses, predicted = history(project), forecasts(project)
    entries = len(project.run_log.read_text().splitlines())
    repo.edit(lambda params: params["train"].update(shards=2))
    repo.stage("train", "dense")

    np.testing.assert_allclose(history(project), losses, rtol=1e-4)
    for ours, theirs in zip(forecasts(project), predicted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    assert not list((repo.root / "checkpoints").iterdir())
    (line,) = project.run_log.read_text().splitlines()[entries:]
    assert '"shards": 2' in line
