"""The train stage under Keras' jax backend, with TensorFlow and without it."""

from __future__ import annotations

import csv
import json
import math
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from jena_etl.evaluation.predictions import SCORED, forecast, read_predictions
from jena_etl.project import open_project
from jena_etl.training.model_file import load_model

pytestmark = pytest.mark.nightly

# Trains as `python -m pipeline.train` does until `tensorflow` is first imported, then ends with
# the files that are on the stack, the importing one first.
TRAIN_AND_WATCH = """
import json, os, runpy, sys, traceback

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            files = [frame.filename for frame in reversed(traceback.extract_stack())]
            print(json.dumps(files), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Watch())
runpy.run_module("pipeline.train", run_name="__main__", alter_sys=True)
"""


def skip_without_jax() -> None:
    if not find_spec("jax"):
        pytest.skip("Keras' jax backend is not installed")


def test_only_keras_imports_tensorflow_and_only_to_save_the_model(repo: Any) -> None:
    skip_without_jax()
    environment = {"KERAS_BACKEND": "jax", "UNIMPORTABLE": ""}
    output = repo.run("python", "-c", TRAIN_AND_WATCH, "dense", **environment)
    files = json.loads(output.splitlines()[-1])
    keras = [file for file in files if "/keras/src/" in file and "module_utils" not in file]
    ours = [file for file in files if "/jena_etl/" in file]
    assert keras[0].endswith("/saving/serialization_lib.py")
    assert ours[0].endswith("/training/model_file.py")  # it comes after the training
    assert files.index(keras[0]) < files.index(ours[0])


def test_the_train_stage_without_tensorflow(repo: Any) -> None:
    """Of one model; tests/training/test_model_file.py trains every architecture under jax."""
    skip_without_jax()
    name = "lstm"
    project = open_project(repo.root)
    before = project.model_file(name).read_bytes()
    environment = {"KERAS_BACKEND": "jax", "UNIMPORTABLE": "tensorflow"}
    repo.run("python", "-m", "pipeline.train", name, **environment)
    run = json.loads(project.run_log.read_text().splitlines()[-1])
    assert (run["stage"], run["architecture"], run["device"]) == ("train", name, "cpu")
    assert (run["deterministic"], run["mixed_precision"]) == (True, False)
    assert run["versions"]["jax"] == version("jax")
    assert "tensorflow" not in run["versions"]
    assert project.model_file(name).read_bytes() != before
    with project.history_csv(name).open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2"]
    # Loaded here, under TensorFlow, it forecasts what it forecast there.
    model = load_model(project.model_file(name), architecture=name)
    written = read_predictions(project.predictions_parquet(name), built_by=f"train@{name}")
    for split in SCORED:
        here = forecast(model, project.windows(split), batch_size=256, order="forward")
        np.testing.assert_allclose(written[split].prediction, here, rtol=1e-4, atol=1e-4)
    with project.history_csv(name).open() as file:
        best = min(csv.DictReader(file), key=lambda row: float(row["val_loss"]))
    validation = written["validation"]
    mae = np.abs(validation.prediction.astype(float) - validation.observation).mean()
    assert math.isclose(mae, float(best["val_mae"]), rel_tol=1e-4)
