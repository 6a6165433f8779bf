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
# The others, which are not the reference's. A gated linear unit has 2 (u u + u) weights.
OTHERS = {
    "residual_gru": (3 * 14 * 48 + 48)
    + 2 * (3 * (48 * 48 + 48 * 48 + 96) + 2 * (48 * 48 + 48) + 2 * 48)
    + 49,
    "tcn": (14 * 24 + 24)  # the first block's residual connection
    + (3 * 14 * 24 + 24)
    + 9 * (3 * 24 * 24 + 24)
    + 10 * 2 * 24
    + 25,
    # An encoder layer has four projections of attention, layers of 64 and 32 units, and two norms.
    "patch_transformer": (6 * 14 * 32 + 32)
    + (32 * 32 + 20 * 32)
    + 2 * (4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 2 * 64)
    + 64
    + (20 * 32 + 1),
    "nlinear": 120 * 14 + 1,
    "dlinear": 2 * 120 * 14 + 1,
}
# Those that are fitted at once: the weights that are fitted to the windows.
FITTED = {"ridge": 120 * 14 + 1, "gradient_boosting": 800 * 31 + 1}


@pytest.fixture(scope="module")
def blocks(checkout: Path) -> dict[str, dict[str, Any]]:
    """The blocks of the checkout's params.yaml."""
    return read_params(checkout / "params.yaml").models


def test_all_architectures_are_here() -> None:
    assert set(names()) == set(PARAMETERS | OTHERS | FITTED)


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_model_has_the_parameters_counted_by_hand(
    name: str, blocks: dict[str, dict[str, Any]]
) -> None:
    architecture: Any = configure(name, blocks[name])
    model = architecture.build(120, 14)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == PARAMETERS[name]
    assert (model.loss, model.output_shape) == ("mse", (None, 1))
    assert type(model.optimizer).__name__ == "RMSprop"
    assert architecture.order == ("reversed" if name == "lstm_reversed" else "forward")
    long = {"lstm_dropout", "lstm_unrolled", "stacked_gru", "stacked_gru_dropout"}
    assert architecture.epochs == (50 if name in long else 10)


@pytest.mark.parametrize("name", OTHERS)
def test_the_others_have_the_parameters_counted_by_hand(
    name: str, blocks: dict[str, dict[str, Any]]
) -> None:
    model = configure(name, blocks[name]).build(120, 14)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == OTHERS[name]
    assert (model.loss, model.output_shape) == ("mae", (None, 1))


@pytest.mark.parametrize("name", FITTED)
def test_those_fitted_at_once_have_the_parameters_counted_by_hand(
    name: str, blocks: dict[str, dict[str, Any]]
) -> None:
    model = configure(name, blocks[name]).build(120, 14)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == FITTED[name]


@pytest.mark.parametrize("name", PARAMETERS | OTHERS)
def test_each_model_learns_from_a_batch(name: str, blocks: dict[str, dict[str, Any]]) -> None:
    """Operation by operation; tests/training compiles each kind of layer."""
    import keras

    small = {"filters": 2, "kernel_sizes": [2, 1], "units": 2, "heads": 1, "patch_size": 2}
    changes: dict[str, Any] = {key: small[key] for key in small if key in blocks[name]}
    if name != "nlinear":
        changes["target_as"] = "value"
    changes["loss"] = "mse"
    keras.utils.set_random_seed(0)  # with some weights, both ReLUs are off and learn nothing
    model = configure(name, blocks[name] | changes).build(4, 3)
    model.run_eagerly = True
    before = [np.array(weight) for weight in model.trainable_weights]
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 4, 3), (8, 1)))
    assert np.isfinite(model.train_on_batch(x, y)[0])
    same = [np.array_equal(*pair) for pair in zip(before, model.trainable_weights, strict=True)]
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


def test_a_tcn_is_the_dilated_network_of_its_paper(blocks: dict[str, dict[str, Any]]) -> None:
    """Built here as the paper has it: each block on all steps, with twice the dilation."""
    import keras

    block = blocks["tcn"] | {"filters": 2, "target_as": "value"}
    model = configure("tcn", block).build(24, 3)
    rng = np.random.default_rng(0)
    model.set_weights([rng.standard_normal(w.shape).astype(np.float32) for w in model.weights])
    convolutions, norms, (head,) = (
        iter([layer for layer in model.layers if isinstance(layer, kind)])
        for kind in (keras.layers.Conv1D, keras.layers.LayerNormalization, keras.layers.Dense)
    )
    x = rng.standard_normal((5, 24, 3)).astype(np.float32)
    output = x
    for dilation in (1, 2, 4):  # the receptive field is 1 + 2 * 2 * 7 = 29
        learnt = output
        for _ in range(2):
            trained = next(convolutions)
            same = keras.layers.Conv1D(2, 3, padding="causal", dilation_rate=dilation)
            same.build(learnt.shape)
            same.set_weights(trained.get_weights())
            learnt = keras.ops.relu(next(norms)(same(learnt)))
        if dilation == 1:
            output = next(convolutions)(output)
        output = keras.ops.relu(output + learnt)
    np.testing.assert_allclose(model(x), head(output[:, -1]), rtol=1e-4, atol=1e-5)
    assert next(convolutions, None) is None


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tcn", {"kernel_size": 1}, "kernel_size is 1, expected at least 2"),
        ("residual_gru", {"patch_size": 9}, "patch_size is 9, expected at most the window's 8"),
        ("patch_transformer", {"patch_size": 9}, "patch_size is 9, expected at most the window's"),
    ],
)
def test_what_does_not_suit_the_window(
    name: str, changes: dict[str, int], message: str, blocks: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(ParamsError, match=rf"models\.{name} cannot be built.* 8: {message}"):
        configure(name, blocks[name] | changes).build(8, 3)


@pytest.mark.parametrize("order", ["forward", "reversed"])
def test_patches_leave_out_the_oldest_steps(order: str, blocks: dict[str, dict[str, Any]]) -> None:
    import keras

    architecture: Any = configure("residual_gru", blocks["residual_gru"] | {"order": order})
    window = keras.Input((8, 2))
    patches = keras.Model(window, architecture.patches(keras, window, 3, 4))
    assert patches.output_shape == (None, 2, 4)
    x = np.zeros((1, 8, 2), np.float32)
    unread = slice(0, 2) if order == "forward" else slice(6, 8)
    x[:, unread] = 1.0
    np.testing.assert_array_equal(patches(x), 0.0)
    np.testing.assert_array_less(0.0, np.abs(patches(1.0 - x)))


@pytest.mark.parametrize("order", ["forward", "reversed"])
def test_nlinear_does_not_depend_on_the_level(
    order: str, blocks: dict[str, dict[str, Any]]
) -> None:
    model = configure("nlinear", blocks["nlinear"] | {"order": order}).build(8, 3)
    rng = np.random.default_rng(0)
    *trained, _, _ = model.get_weights()
    last_observation = [np.array([[0], [1], [0]], np.float32), np.zeros(1, np.float32)]
    model.set_weights([*trained, *last_observation])
    kernel, bias = trained
    x = rng.standard_normal((5, 8, 3)).astype(np.float32)
    last = x[:, -1:] if order == "forward" else x[:, :1]
    by_hand = (x - last).reshape(5, -1) @ kernel + bias + last[:, 0, 1:2]
    np.testing.assert_allclose(model(x), by_hand, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model(x + 7), np.asarray(model(x)) + 7, rtol=1e-4, atol=1e-4)


def test_dlinear_averages_the_steps_that_are_there(blocks: dict[str, dict[str, Any]]) -> None:
    block = blocks["dlinear"] | {"kernel_size": 3, "target_as": "value"}
    model = configure("dlinear", block).build(4, 2)
    kernel, bias = model.get_weights()
    x = np.random.default_rng(0).standard_normal((5, 4, 2)).astype(np.float32)
    around = [(0, 2), (0, 3), (1, 4), (2, 4)]
    average = np.stack([x[:, first:end].mean(axis=1) for first, end in around], axis=1)
    by_hand = np.concatenate([average, x - average], axis=2).reshape(5, -1) @ kernel + bias
    np.testing.assert_allclose(model(x), by_hand, rtol=1e-4, atol=1e-5)


def test_a_patch_transformer_tells_its_patches_apart(blocks: dict[str, dict[str, Any]]) -> None:
    block = blocks["patch_transformer"] | {"target_as": "value", "patch_size": 2}
    model = configure("patch_transformer", block).build(8, 3)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.3, w.shape).astype(np.float32) for w in model.weights])
    x = rng.standard_normal((1, 8, 3)).astype(np.float32)
    exchanged = x[:, [2, 3, 0, 1, 4, 5, 6, 7]]
    assert abs(float(model(x)[0, 0]) - float(model(exchanged)[0, 0])) > 1e-3


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "patch_transformer",
            {"heads": 3},
            "units is 32, expected a multiple of heads",
        ),
        ("nlinear", {"target_as": "value"}, "expected change"),
    ],
)
def test_what_does_not_suit_the_block(
    name: str, changes: dict[str, Any], message: str, blocks: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(ParamsError, match=message):
        configure(name, blocks[name] | changes)
