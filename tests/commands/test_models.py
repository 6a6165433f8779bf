from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.commands.models import model_summary, off_the_fast_path, render_models
from jena_etl.models import configure
from jena_etl.params import Params, read_params

# The table of the reference's models.
PARAMETERS = {
    "dense": 26_913,
    "conv1d": 3_873,
    "simple_rnn": 513,
    "simple_rnn_stacked": 1_569,
    "lstm": 2_001,
    "lstm_dropout": 6_049,
    "lstm_unrolled": 6_049,
    "stacked_gru": 10_977,
    "stacked_gru_dropout": 10_977,
    "lstm_reversed": 6_049,
    "bidirectional_lstm": 4_001,
}


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return read_params(checkout / "params.yaml")


@pytest.fixture(scope="module")
def summary(params: Params) -> dict[str, Any]:
    return model_summary(params.model_copy(update={"architectures": ("dense", "lstm")}))


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Keras calls of its cuDNN kernels when it believes that there is a GPU."""
    rnn = import_module("keras.src.backend.tensorflow.rnn")
    called: list[str] = []

    def kernel(name: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            called.append(name)
            raise NotImplementedError  # sends Keras on to its own loop

        return call

    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
    for name in ("_cudnn_lstm", "_cudnn_gru"):
        monkeypatch.setattr(rnn, name, kernel(name))
    return called


@pytest.mark.slow
def test_parameters_are_the_references(summary: dict[str, Any]) -> None:
    models = summary["models"]
    assert {name: models[name]["trainable_parameters"] for name in PARAMETERS} == PARAMETERS
    assert [name for name, model in models.items() if model["trained"]] == ["dense", "lstm"]
    assert [name for name, model in models.items() if model["order"] == "reversed"] == [
        "lstm_reversed"
    ]
    assert models["simple_rnn"]["input_shape"] == [None, None, 14]
    # Valid convolutions of 24, 12 and 6 steps, halved in between: 97, 48, 37, 18, 13.
    shapes = [layer["output_shape"] for layer in models["conv1d"]["layers"]]
    assert [shape[1] for shape in shapes] == [97, 48, 37, 18, 13, 8, 1]
    assert {shape[0] for shape in shapes} == {None}


@pytest.mark.parametrize("name", sorted(set(PARAMETERS) - {"dense", "conv1d"}))
def test_the_verdict_is_what_keras_does(
    name: str, summary: dict[str, Any], params: Params, fused: list[str]
) -> None:
    model = configure(name, params.models[name]).build(6, 3)
    fused.clear()  # of what it tried while it was built
    model(np.zeros((2, 6, 3), np.float32), training=True)
    expected = []
    for layer in summary["models"][name]["layers"]:
        *both_ways, kind = layer["layer"].split()
        if layer.get("fast_path"):
            expected += [f"_cudnn_{kind.lower()}"] * (2 if both_ways else 1)
    assert fused == expected


@pytest.mark.parametrize(
    ("kind", "options", "why_not"),
    [
        ("LSTM", {}, []),
        ("LSTM", {"dropout": 0.5, "go_backwards": True, "return_sequences": True}, []),
        ("LSTM", {"recurrent_dropout": 0.25}, ["recurrent_dropout is 0.25"]),
        ("LSTM", {"unroll": True}, ["unroll is true"]),
        ("LSTM", {"activation": "relu"}, ["activation is relu, not tanh"]),
        (
            "LSTM",
            {"recurrent_activation": "hard_sigmoid", "use_bias": False},
            ["recurrent_activation is hard_sigmoid, not sigmoid", "use_bias is false"],
        ),
        ("LSTM", {"use_bias": False}, ["use_bias is false"]),
        ("LSTM", {"use_cudnn": False}, ["use_cudnn is false"]),
        ("GRU", {}, []),
        ("GRU", {"reset_after": False}, ["reset_after is false"]),
        ("GRU", {"unroll": True}, ["unroll is true"]),
        ("GRU", {"recurrent_dropout": 0.5}, ["recurrent_dropout is 0.5"]),
        ("SimpleRNN", {}, ["Keras has none for it"]),
    ],
)
def test_each_condition_is_keras(
    kind: str, options: dict[str, Any], why_not: list[str], fused: list[str]
) -> None:
    import keras

    layer = getattr(keras.layers, kind)(2, **options)
    layer(np.zeros((2, 3, 2), np.float32), training=True)
    assert off_the_fast_path(layer) == why_not
    assert bool(fused) == (not why_not)


def test_in_words(summary: dict[str, Any]) -> None:
    lines = render_models(summary).splitlines()
    unrolled = f"{'    LSTM                    (batch, 32)':<48}no fast path: "
    for line in (
        "* dense                 26,913 parameters, 10 epochs, forward",
        "  lstm_reversed          6,049 parameters, 10 epochs, reversed",
        "    Input                   (batch, any, 14)",
        "    LSTM                    (batch, 16)         fast path",
        unrolled + "recurrent_dropout is 0.2, unroll is true",
        "  ridge                  1,681 parameters, fitted at once, forward",
        "    Bidirectional LSTM      (batch, 32)         fast path",
    ):
        assert line in lines


def test_windows_too_short_for_a_model_are_said(params: Params) -> None:
    window = params.window.model_copy(update={"sequence_length": 12})
    models = {name: params.models[name] for name in ("conv1d", "lstm")}
    short = params.model_copy(update={"window": window, "models": models})
    found = model_summary(short)
    said = found["models"]["conv1d"]["error"]
    assert said.startswith("models.conv1d cannot be built for window.sequence_length 12: ")
    assert said in render_models(found)
    assert "error" not in found["models"]["lstm"]
