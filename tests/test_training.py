from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import DeviceError, TrainingError
from jena_etl.models import configure
from jena_etl.params import read_params
from jena_etl.training import seeded_model, train
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.windows import Windows

SMALL = {"epochs": 3, "optimizer": "rmsprop", "learning_rate": 0.01, "order": "forward", "units": 4}


def windows(first: int, last: int) -> Windows:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 2)).astype(np.float32)
    spec = WindowSpec(sequence_length=5)
    return Windows(rows[np.newaxis], rows[:, 0] + 3, spec, WindowIndex([range(first, last)]))


def fitted(
    name: str = "dense", *, targets: np.ndarray | None = None, **block: Any
) -> tuple[Any, str]:
    architecture = configure(name, {**SMALL, **block})
    part, held_out = windows(0, 100), windows(120, 180)
    if targets is not None:
        part.targets[:] = targets
    model = seeded_model(architecture, part, seed=1)
    history = train(
        model,
        part.dataset(16, shuffle=True, seed=1),
        held_out.dataset(16),
        epochs=architecture.epochs,
    )
    return model, history


def test_parameters_of_the_references_models(checkout: Path) -> None:
    """Counted by hand: kernels, recurrent kernels and biases on (120, 14) inputs."""
    by_hand = {
        "dense": (120 * 14 * 16 + 16) + (16 + 1),
        "lstm": 4 * (14 * 16 + 16 * 16 + 16) + (16 + 1),
    }
    params = read_params(checkout / "params.yaml")
    for name, parameters in by_hand.items():
        model = configure(name, params.models[name]).build(120, 14)
        assert model.count_params() == parameters
        assert model.loss == "mse"
        assert model.output_shape == (None, 1)


def test_the_model_is_left_at_its_best_epoch() -> None:
    # So fast that the loss goes up again.
    model, history = fitted(epochs=5, learning_rate=0.3)
    rows = list(csv.DictReader(io.StringIO(history)))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    losses = [float(row["val_loss"]) for row in rows]
    assert min(losses) < losses[-1]
    held_out = windows(120, 180)
    error = model.predict(held_out.dataset(16), verbose=0)[:, 0]
    error -= held_out.targets[held_out.target_rows()]
    assert math.isclose(float((error**2).mean()), min(losses), rel_tol=1e-4)


def test_a_loss_that_is_no_number_stops_with_the_epoch() -> None:
    with pytest.raises(
        TrainingError, match=r"loss is (nan|inf) after epoch 1; no model was written"
    ):
        fitted(targets=np.full(200, np.nan, dtype=np.float32))


def test_gpu_asked_for_and_absent() -> None:
    import tensorflow as tf

    from jena_etl.device import use_device

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU here")
    with pytest.raises(DeviceError, match=r"train\.device is gpu, but TensorFlow sees no GPU"):
        use_device("gpu")
