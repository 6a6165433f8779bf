"""What `jena-etl inspect --models` shows: every architecture as params.yaml configures it.

On cuDNN's fast path a GPU runs a whole recurrent layer in one call. Off it, a loop over the steps
is said to take 2 to 5 times as long (not measured here), and Keras gives no warning.
"""

from __future__ import annotations

from typing import Any

from jena_etl.errors import ParamsError
from jena_etl.models import NeuralNetwork, configure
from jena_etl.params import Params
from jena_etl.params_features import feature_names
from jena_etl.training.device import use_device
from jena_etl.training.metadata import trainable_parameters


def model_summary(params: Params) -> dict[str, Any]:
    """The parameters, layers and fast path of every block of `models`; imports Keras.

    Batch sizes are None, and so is an input length where the model accepts any.

    Raises:
        ParamsError: a block has a key or value that is not allowed.
    """
    use_device("cpu", deterministic=params.train.deterministic)  # leaves a GPU's memory free
    import keras

    columns = (*params.convert.columns, *feature_names(params.features))
    input_shape = (params.window.sequence_length, len(columns))
    return {
        "backend": keras.config.backend(),
        "window": list(input_shape),
        "models": {name: _model(name, params, input_shape) for name in params.models},
    }


def _model(name: str, params: Params, input_shape: tuple[int, int]) -> dict[str, Any]:
    import keras

    architecture = configure(name, params.models[name])
    shown: dict[str, Any] = {
        "trained": name in params.architectures,
        "epochs": architecture.epochs if isinstance(architecture, NeuralNetwork) else None,
        "order": architecture.order,
    }
    keras.utils.clear_session()
    try:
        model = architecture.build(*input_shape)
    except ParamsError as error:
        return {**shown, "error": str(error)}
    return {
        **shown,
        "trainable_parameters": trainable_parameters(model),
        "input_shape": list(model.input_shape),
        "layers": [
            _layer(layer)
            for layer in model.layers
            if not isinstance(layer, keras.layers.InputLayer)
        ],
    }


def _layer(layer: Any) -> dict[str, Any]:
    import keras

    shown: dict[str, Any] = {
        "layer": type(layer).__name__,
        "output_shape": list(layer.output.shape),
    }
    inner = layer
    if isinstance(layer, keras.layers.Bidirectional):
        inner = layer.forward_layer  # the other direction is configured alike
        shown["layer"] = f"Bidirectional {type(inner).__name__}"
    if isinstance(inner, keras.layers.RNN):
        reasons = off_the_fast_path(inner)
        shown |= {"fast_path": not reasons, "why_not": reasons}
    return shown


def off_the_fast_path(layer: Any) -> list[str]:
    """Why a recurrent layer would not run on cuDNN on a GPU; empty if it would.

    The conditions are Keras 3.15's. `inner_loop` in keras/src/layers/rnn/lstm.py and gru.py needs
    use_cudnn and no recurrent_dropout; `cudnn_ok` in keras/src/backend/*/rnn.py sets the rest (the
    same for tensorflow, jax and torch), and backend/tensorflow/rnn.py a GRU's reset_after. The jax
    backend's `gru` is a plain loop, and SimpleRNN always runs in Keras' own loop.
    """
    import keras

    is_gru = isinstance(layer, keras.layers.GRU)
    if not is_gru and not isinstance(layer, keras.layers.LSTM):
        return ["Keras has none for it"]
    if is_gru and keras.config.backend() == "jax":
        return ["Keras' jax backend has none for GRU"]
    activation, recurrent = (
        keras.activations.serialize(function)
        for function in (layer.activation, layer.recurrent_activation)
    )
    conditions = {
        f"recurrent_dropout is {layer.recurrent_dropout:g}": layer.recurrent_dropout,
        "unroll is true": layer.unroll,
        f"activation is {activation}, not tanh": activation != "tanh",
        f"recurrent_activation is {recurrent}, not sigmoid": recurrent != "sigmoid",
        "use_bias is false": not layer.use_bias,
        "reset_after is false": is_gru and not layer.reset_after,
        "use_cudnn is false": layer.use_cudnn is False,
    }
    return [reason for reason, holds in conditions.items() if holds]


def render_models(found: dict[str, Any]) -> str:
    """Format the summary for a terminal."""
    steps, features = found["window"]
    lines = [
        f"models on windows of {steps} steps of {features} features; * is in architectures",
        f"fast path: cuDNN's, on an NVIDIA GPU, under Keras' backend {found['backend']}",
    ]
    for name, model in found["models"].items():
        mark = "*" if model["trained"] else " "
        epochs = "fitted at once" if model["epochs"] is None else f"{model['epochs']:>2} epochs"
        counts = f"{epochs}, {model['order']}"
        if "error" in model:
            lines += ["", f"{mark} {name:<21}{counts}", f"    {model['error']}"]
            continue
        lines += ["", f"{mark} {name:<21}{model['trainable_parameters']:>7,} parameters, {counts}"]
        lines += [_line("Input", model["input_shape"])]
        lines += [_layer_text(layer) for layer in model["layers"]]
    return "\n".join(lines)


def _layer_text(layer: dict[str, Any]) -> str:
    line = _line(layer["layer"], layer["output_shape"])
    if "fast_path" not in layer:
        return line
    verdict = "fast path" if layer["fast_path"] else f"no fast path: {', '.join(layer['why_not'])}"
    return f"{line:<48}{verdict}"


def _line(layer: str, shape: list[int | None]) -> str:
    sizes = ["batch", *("any" if size is None else str(size) for size in shape[1:])]
    return f"    {layer:<24}({', '.join(sizes)})"
