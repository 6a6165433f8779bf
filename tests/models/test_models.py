"""Every architecture, as params.yaml sets it up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import ParamsError
from jena_etl.models import configure, names
from jena_etl.models.simple_rnn import simple_rnn
from jena_etl.params import read_params

# By hand, on windows of 120 rows of 14 features. An LSTM has 4 (f u + u u + u) weights, a GRU in
# Keras 3 (f u + u u + 2 u), a SimpleRNN f u + u u + u.
PARAMETERS = {
    "dense": (120 * 14 * 16 + 16) + 17,
    "conv1d": (24 * 14 * 8 + 8) + (12 * 8 * 8 + 8) + (6 * 8 * 8 + 8) + 9,
    "simple_rnn": (14 * 16 + 16 * 16 + 16) + 17,
    "simple_rnn_stacked": (14 * 16 + 16 * 16 + 16) + 2 * (16 * 16 + 16 * 16 + 16) + 17,
    "lstm": 4 * (14 * 16 + 16 * 16 + 16) + 17,
    "lstm_dropout": 4 * (14 * 32 + 32 * 32 + 32) + 33,
    "lstm_unrolled": 4 * (14 * 32 + 32 * 32 + 32) + 33,
    "stacked_gru": 3 * (14 * 32 + 32 * 32 + 64) + 3 * (32 * 32 + 32 * 32 + 64) + 33,
    "stacked_gru_dropout": 3 * (14 * 32 + 32 * 32 + 64) + 3 * (32 * 32 + 32 * 32 + 64) + 33,
    "lstm_reversed": 4 * (14 * 32 + 32 * 32 + 32) + 33,
    "bidirectional_lstm": 2 * 4 * (14 * 16 + 16 * 16 + 16) + 33,
}


@pytest.fixture(scope="module")
def blocks(checkout: Path) -> dict[str, dict[str, Any]]:
    """The blocks of the checkout's params.yaml."""
    return read_params(checkout / "params.yaml").models


def test_all_architectures_are_here() -> None:
    assert set(names()) == set(PARAMETERS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_model_has_the_parameters_counted_by_hand(
    name: str, blocks: dict[str, dict[str, Any]]
) -> None:
    architecture = configure(name, blocks[name])
    model = architecture.build(120, 14)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PARAMETERS[name]
    assert (model.loss, model.output_shape) == ("mse", (None, 1))
    assert type(model.optimizer).__name__ == "RMSprop"
    assert architecture.order == ("reversed" if name == "lstm_reversed" else "forward")
    long = {"lstm_dropout", "lstm_unrolled", "stacked_gru", "stacked_gru_dropout"}
    assert architecture.epochs == (50 if name in long else 10)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_model_learns_from_a_batch(name: str, blocks: dict[str, dict[str, Any]]) -> None:
    """Operation by operation; tests/training compiles each kind of layer."""
    small = {"filters": 2, "kernel_sizes": [2, 1], "units": 2}
    changes = {key: value for key, value in small.items() if key in blocks[name]}
    model = configure(name, blocks[name] | changes).build(4, 3)
    model.run_eagerly = True
    before = model.get_weights()
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 4, 3), (8, 1)))
    assert np.isfinite(model.train_on_batch(x, y)[0])
    same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert not all(same[:2])
    assert not any(same[-2:])


def test_dense_layers_before_the_forecast(blocks: dict[str, dict[str, Any]]) -> None:
    model = configure("lstm", {**blocks["lstm"], "dense": [8, 4]}).build(120, 14)
    extra = (16 * 8 + 8) + (8 * 4 + 4) + (4 + 1) - (16 + 1)
    assert model.count_params() == PARAMETERS["lstm"] + extra


def test_what_the_optimizer_and_the_loss_are_told(blocks: dict[str, dict[str, Any]]) -> None:
    options = {"optimizer": "adamw", "weight_decay": 0.01, "global_clipnorm": 1.0, "loss": "huber"}
    model = configure("dense", blocks["dense"] | options).build(120, 14)
    config = model.optimizer.get_config()
    assert (config["weight_decay"], config["global_clipnorm"]) == (0.01, 1.0)
    assert model.loss == "huber"


def test_a_model_of_the_change_has_no_bias_of_the_mean(blocks: dict[str, dict[str, Any]]) -> None:
    block = blocks["dense"] | {"target_as": "change", "output_bias": "train_mean"}
    with pytest.raises(ParamsError, match=r"models\.dense.*remove output_bias"):
        configure("dense", block)


def test_the_change_suits_every_architecture(blocks: dict[str, dict[str, Any]]) -> None:
    for name, parameters in PARAMETERS.items():
        model = configure(name, blocks[name] | {"target_as": "change"}).build(120, 14)
        assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters


def test_simple_rnn_takes_any_length(blocks: dict[str, dict[str, Any]]) -> None:
    model = configure("simple_rnn", blocks["simple_rnn"]).build(120, 14)
    for steps in (1, 7, 200):
        assert model(np.zeros((2, steps, 14), np.float32)).shape == (2, 1)


def test_the_numpy_loop_computes_what_the_keras_layer_does() -> None:
    import keras

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((9, 3)).astype(np.float32)
    layer = keras.layers.SimpleRNN(4, return_sequences=True)
    whole = keras.ops.convert_to_numpy(layer(inputs[np.newaxis]))[0]
    layer.set_weights([rng.standard_normal(w.shape).astype(np.float32) for w in layer.weights])
    whole = keras.ops.convert_to_numpy(layer(inputs[np.newaxis]))[0]
    outputs = simple_rnn(inputs, *layer.get_weights())
    np.testing.assert_allclose(outputs, whole, rtol=1e-5, atol=1e-6)
    last = keras.layers.SimpleRNN(4)
    last.build((None, 9, 3))
    last.set_weights(layer.get_weights())
    only_last = keras.ops.convert_to_numpy(last(inputs[np.newaxis]))[0]
    np.testing.assert_allclose(outputs[-1], only_last, rtol=1e-5, atol=1e-6)
