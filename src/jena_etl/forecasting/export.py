"""Writes a trained model as ONNX, which programs without Python or TensorFlow can run."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jena_etl.errors import TrainingError
from jena_etl.files import replacing
from jena_etl.forecasting.forecaster import Forecaster

INPUT, OUTPUT = "measurements", "forecast"
NEEDED = ("onnx", "tf2onnx")


def export_onnx(forecaster: Forecaster, out: Path) -> None:
    """Write a model as an ONNX file that takes measurements in their units.

    The file's input `measurements` is float32 of shape (windows, sequence_length, columns), a row
    every `sampling_rate` rows of the series with the oldest first, and its output `forecast` is
    float32 of shape (windows, 1) in the target's unit. Normalising, and turning the window around
    for a model that reads it backwards, are part of the graph. Features are not, as they can be
    made from rows before the window: whoever uses the file computes these columns, the last ones.
    The metadata of the model file are in the file's own metadata, under the key jena_etl.

    Args:
        forecaster: the model; its recurrent layers are changed to run without cuDNN.
        out: the file to write.

    Raises:
        TrainingError: the packages of the extra `onnx` are not installed, Keras' backend is not
            TensorFlow, or the architecture cannot be exported.
        ProjectError: the file cannot be written.
    """
    check_packages()
    import keras
    import onnx

    if (backend := keras.config.backend()) != "tensorflow":
        raise TrainingError(
            f"the export works with Keras' backend tensorflow alone, found {backend}; unset "
            "KERAS_BACKEND"
        )
    metadata = forecaster.metadata
    if any(layer.compute_dtype != "float32" for layer in forecaster.model.layers):
        raise TrainingError(
            f"{metadata.architecture} was trained with train.mixed_precision, and only a model in "
            "float32 can be exported; set train.mixed_precision: false, then: "
            f"dvc repro train@{metadata.architecture}"
        )
    raw = raw_model(forecaster)
    with replacing(out) as part:
        try:
            with _quiet():
                raw.export(
                    str(part),
                    format="onnx",
                    verbose=False,
                    input_signature=[
                        keras.InputSpec(
                            shape=(None, metadata.sequence_length, len(metadata.columns)),
                            dtype="float32",
                            name=INPUT,
                        )
                    ],
                )
        except Exception as error:
            reason = " ".join(str(error).split())
            raise TrainingError(
                f"{metadata.architecture} cannot be exported as ONNX ({reason:.200}); "
                "docs/forecast.md says which architectures can"
            ) from error
        model = onnx.load(part)
        entry = model.metadata_props.add()
        entry.key, entry.value = "jena_etl", metadata.model_dump_json()
        onnx.save(model, part)


def check_packages() -> None:
    """Refuse to go on without the packages of the extra `onnx`.

    Raises:
        TrainingError: one is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"the export needs the package {' and '.join(missing)}, which is not installed; "
            "install the extra: uv sync --extra onnx, or pip install 'jena-etl[onnx]'"
        )


def raw_model(forecaster: Forecaster) -> Any:
    """A Keras model around the trained one that takes measurements in their units.

    It computes (value - mean) / std with two Rescaling layers, because the graph of a Normalization
    layer is refused by ONNX Runtime. In one layer, as value / std - mean / std, the float32 of a
    column whose mean is many times its std would lose digits.
    """
    import keras

    metadata = forecaster.metadata
    window = keras.Input(
        (metadata.sequence_length, len(metadata.columns)), name=INPUT, dtype="float32"
    )
    inputs = keras.layers.Rescaling(1.0, offset=[-mean for mean in metadata.mean])(window)
    inputs = keras.layers.Rescaling([1 / std for std in metadata.std])(inputs)
    if metadata.order == "reversed":
        inputs = keras.ops.flip(inputs, axis=1)
    for layer in forecaster.model.layers:
        for inner in (layer, *_wrapped(layer)):
            if hasattr(inner, "use_cudnn"):
                inner.use_cudnn = False  # ONNX has no operation for cuDNN's layers
    return keras.Model(window, {OUTPUT: forecaster.model(inputs)})


def _wrapped(layer: Any) -> list[Any]:
    names = ("layer", "forward_layer", "backward_layer")
    return [inner for name in names if (inner := getattr(layer, name, None)) is not None]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of tf2onnx and TensorFlow, in which nothing is for the user."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
