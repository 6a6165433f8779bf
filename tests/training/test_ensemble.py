"""An ensemble as one Keras model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.forecasting.export import export_onnx
from jena_etl.forecasting.forecaster import load_forecaster
from jena_etl.models import configure
from jena_etl.params import read_params
from jena_etl.training.ensemble import ensemble_model
from jena_etl.training.model_file import load_model, write_model
from tests.training.tasks import task

STEPS, COLUMNS = 6, 3
TASK = task("a", "b", "c", sequence_length=STEPS)
SMALL: dict[str, dict[str, Any]] = {
    "dense": {"units": 2},
    "lstm": {"units": 2},
    "tcn": {"filters": 2},
    "gradient_boosting": {"lags": [1], "differences": [2], "means": [3], "boosting_rounds": 4},
}
WEIGHTS = {"dense": 0.5, "lstm": 0.0, "tcn": 0.2, "gradient_boosting": 0.3}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> dict[str, Path]:
    """The files of the members; random weights will do."""
    import keras

    blocks = read_params(checkout / "params.yaml").models
    folder = tmp_path_factory.mktemp("project") / "models"
    found = {}
    for name, changes in SMALL.items():
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model = configure(name, blocks[name] | changes).build(STEPS, COLUMNS)
        model.optimizer.build(model.trainable_variables)  # as training does
        found[name] = folder / f"{name}.keras"
        write_model(model, found[name], TASK, architecture=name, order="forward")
    return found


def built(files: dict[str, Path]) -> tuple[Any, dict[str, Any]]:
    """The ensemble and its members, as the stage's process builds them."""
    import keras

    keras.utils.clear_session()
    members = {name: load_model(file, architecture=name) for name, file in files.items()}
    return ensemble_model(members, WEIGHTS, steps=STEPS, columns=COLUMNS), members


@pytest.mark.slow
def test_its_file_forecasts_the_weighted_mean(files: dict[str, Path], tmp_path: Path) -> None:
    import onnxruntime

    ensemble, members = built(files)
    x = np.random.default_rng(0).standard_normal((5, STEPS, COLUMNS)).astype(np.float32)
    by_hand = sum(WEIGHTS[name] * np.asarray(model(x)) for name, model in members.items())
    path = tmp_path / "data/ensembles/both.keras"
    write_model(ensemble, path, TASK, architecture="both", order="forward")
    forecaster = load_forecaster(path)
    np.testing.assert_allclose(forecaster.model(x), by_hand, rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in forecaster.metadata.layers][1:4] == [
        "dense",
        "tcn",
        "gradient_boosting",  # and no lstm, whose weight is 0
    ]

    export_onnx(forecaster, tmp_path / "both.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "both.onnx")
    (read,) = session.get_inputs()
    mean, std = (np.array(values, np.float32) for values in (TASK.mean, TASK.std))
    (written,) = session.run(None, {read.name: x * std + mean})
    np.testing.assert_allclose(written, by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_same_members_give_the_same_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    first, second = (tmp_path / f"{name}.keras" for name in ("first", "second"))
    for path in (first, second):
        write_model(built(files)[0], path, TASK, architecture="both", order="forward")
    assert first.read_bytes() == second.read_bytes()
