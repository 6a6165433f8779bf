"""The train stage under Keras' jax backend, where TensorFlow cannot be imported."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import numpy as np
import pytest

from jena_etl.evaluation.predictions import SCORED, forecast, read_predictions
from jena_etl.project import open_project
from jena_etl.training.model_file import load_model


@pytest.mark.parametrize("name", ["dense", "lstm"])
def test_the_train_stage_under_jax(repo: Any, name: str) -> None:
    jax = pytest.importorskip("jax", reason="Keras' jax backend is not installed")
    project = open_project(repo.root)
    before = project.model_file(name).read_bytes()
    environment = {"KERAS_BACKEND": "jax", "UNIMPORTABLE": "tensorflow"}
    repo.run("python", "-m", "pipeline.train", name, **environment)
    run = json.loads(project.run_log.read_text().splitlines()[-1])
    assert (run["stage"], run["architecture"], run["device"]) == ("train", name, "cpu")
    assert (run["deterministic"], run["mixed_precision"]) == (True, False)
    assert run["versions"]["jax"] == jax.__version__
    assert "tensorflow" not in run["versions"]
    assert project.model_file(name).read_bytes() != before
    with project.history_csv(name).open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    # Loaded here, under TensorFlow, it forecasts what it forecast there.
    model = load_model(project.model_file(name), architecture=name)
    written = read_predictions(project.predictions_parquet(name), built_by=f"train@{name}")
    for split in SCORED:
        here = forecast(model, project.windows(split), batch_size=256, order="forward")
        np.testing.assert_allclose(written[split].prediction, here, rtol=1e-4, atol=1e-4)
    with project.history_csv(name).open() as file:
        best = min(csv.DictReader(file), key=lambda row: float(row["val_loss"]))
    validation = written["validation"]
    mae = np.abs(validation.prediction.astype(float) - validation.truth).mean()
    assert math.isclose(mae, float(best["val_mae"]), rel_tol=1e-4)
