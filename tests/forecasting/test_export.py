"""ONNX Runtime, a Forecaster, the train stage and plain Keras agree, for every kind of layer."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from jena_etl.errors import TrainingError
from jena_etl.evaluation.predictions import forecast
from jena_etl.forecasting.export import export_onnx
from jena_etl.forecasting.forecaster import Forecaster, load_forecaster
from jena_etl.models import configure, names
from jena_etl.params import read_params
from jena_etl.training.metadata import ForecastTask
from jena_etl.training.model_file import write_model
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.split_windows import SeriesWindows
from tests.forecasting.models import forecaster, metadata

WINDOWS = 100
CLOSE = 1e-3  # degC
TASK = ForecastTask(
    **metadata(sequence_length=4).model_dump(include=set(ForecastTask.model_fields))
)
# An export takes seconds, so those are exported that are not made of the others' layers.
EXPORTED = (
    *("bidirectional_lstm", "conv1d", "dense", "dlinear", "gradient_boosting", "lstm_reversed"),
    *("lstm_unrolled", "nlinear", "patch_transformer", "residual_gru", "ridge", "simple_rnn"),
    "tcn",
)
SLOWEST = (
    *("bidirectional_lstm", "conv1d", "dlinear", "lstm_unrolled", "patch_transformer"),
    *("residual_gru", "simple_rnn", "tcn"),
)
SMALL = {
    "filters": 2,
    "kernel_sizes": [2, 1],
    "units": 3,
    "heads": 1,
    "patch_size": 2,
    "lags": [3],
    "differences": [1],
    "means": [2],
    "boosting_rounds": 5,
    "target_as": "value",
}


@pytest.fixture(scope="module")
def measurements() -> dict[str, np.ndarray]:
    """As many rows as a hundred windows read."""
    random = np.random.default_rng(5)
    rows = WINDOWS + TASK.spec.last_input
    return {
        name: np.round(random.normal(mean, std, rows), 2)
        for name, mean, std in zip(TASK.columns, TASK.mean, TASK.std, strict=True)
    }


def small(name: str, checkout: Path) -> tuple[Any, Any]:
    """An architecture, small, and a model of it; random weights will do."""
    import keras

    block = read_params(checkout / "params.yaml").models[name]
    changes = {key: SMALL[key] for key in SMALL if key in block}
    if name == "nlinear":
        del changes["target_as"]  # it always learns the change
    architecture = configure(name, block | changes)
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    return architecture, architecture.build(TASK.sequence_length, len(TASK.columns))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name in SLOWEST else name for name in EXPORTED
    ],
)
def model_file(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, checkout: Path
) -> Path:
    """The file of a small model of each architecture."""
    name: str = request.param
    architecture, model = small(name, checkout)
    model.optimizer.build(model.trainable_variables)  # as training does
    path = tmp_path_factory.mktemp("project") / f"models/{name}.keras"
    write_model(model, path, TASK, architecture=name, order=architecture.order)
    return path


def by_the_stage(found: Forecaster, measurements: dict[str, np.ndarray]) -> np.ndarray:
    """What the train stage forecasts, from the arrays that the arrays stage writes."""
    columns = [
        (measurements[name] - mean) / std
        for name, mean, std in zip(TASK.columns, TASK.mean, TASK.std, strict=True)
    ]
    later = [math.nan] * TASK.horizon * TASK.sampling_rate  # the targets of the last windows
    features = np.stack([np.append(values, later) for values in columns], axis=1)
    windows = SeriesWindows(
        features=phase_major(features.astype(np.float32), TASK.sampling_rate),
        targets=np.zeros(len(features), dtype=np.float32),
        spec=TASK.spec,
        index=WindowIndex([range(WINDOWS)]),
    )
    return forecast(found.model, windows, batch_size=64, order=found.metadata.order)


def raw_windows(measurements: dict[str, np.ndarray]) -> np.ndarray:
    rows = np.stack([measurements[name] for name in TASK.columns], axis=1).astype(np.float32)
    spec = TASK.spec
    inputs = [rows[at : at + spec.last_input + 1 : spec.sampling_rate] for at in range(WINDOWS)]
    return np.stack(inputs)


def test_all_ways_to_a_forecast_agree(
    model_file: Path, measurements: dict[str, np.ndarray], tmp_path: Path
) -> None:
    import onnxruntime

    trained = load_forecaster(model_file, architecture=model_file.stem)
    ours = trained.forecast(measurements)
    assert ours.shape == (WINDOWS,)
    assert np.ptp(ours) > 100 * CLOSE  # it forecasts something
    np.testing.assert_allclose(ours, by_the_stage(trained, measurements), rtol=0, atol=CLOSE)

    export_onnx(trained, tmp_path / "model.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    for layer in trained.model.layers:  # where there is a GPU, "auto" would export cuDNN's
        for inner in (layer, getattr(layer, "backward_layer", None)):
            assert not getattr(inner, "use_cudnn", False)
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    (read,), (written,) = session.get_inputs(), session.get_outputs()
    assert (read.name, read.type, read.shape[1:]) == ("measurements", "tensor(float)", [4, 3])
    assert (written.name, written.shape[1:]) == ("forecast", [1])
    found = json.loads(session.get_modelmeta().custom_metadata_map["jena_etl"])
    assert found["columns"] == list(TASK.columns)
    for size in (WINDOWS, 1):  # batches of any size
        windows = raw_windows(measurements)[:size]
        (by_onnx,) = session.run(None, {"measurements": windows})
        np.testing.assert_allclose(by_onnx[:, 0], ours[:size], rtol=0, atol=CLOSE)


def kinds_of_layer(name: str, checkout: Path) -> set[tuple[str, ...]]:
    """Each layer's class and what else decides which operations it becomes."""
    _, model = small(name, checkout)
    return {
        (type(layer).__name__, *(str(getattr(layer, key, None)) for key in ("unroll", "padding")))
        for layer in model.layers
    }


@pytest.mark.slow
def test_the_others_are_made_of_the_same_layers(checkout: Path) -> None:
    exported = set().union(*(kinds_of_layer(name, checkout) for name in EXPORTED))
    for name in set(names()) - set(EXPORTED):
        assert kinds_of_layer(name, checkout) <= exported, name


@pytest.mark.parametrize("model_file", ["lstm", "lstm_reversed"], indirect=True)
def test_plain_keras_as_the_docs_have_it(
    model_file: Path,
    measurements: dict[str, np.ndarray],
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The code of docs/forecast.md, word for word but for the names of the two files."""
    page = (checkout / "docs/forecast.md").read_text(encoding="utf-8")
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "zipfile" in block
    )
    monkeypatch.chdir(model_file.parents[1])
    pl.DataFrame(measurements).write_csv("new.csv")
    names: dict[str, Any] = {}
    exec(code.replace("models/lstm.keras", f"models/{model_file.name}"), names)  # noqa: S102  our docs
    trained = load_forecaster(model_file, architecture=model_file.stem)
    expected = trained.forecast(measurements)[-1]
    assert float(names["forecast"]) == pytest.approx(expected, abs=CLOSE)


def test_a_column_far_from_zero_keeps_its_digits() -> None:
    """Its mean is 100,000 times its std; value / std - mean / std would be 0.01 off."""
    import keras

    from jena_etl.forecasting.export import raw_model

    inputs = keras.Input((1, 1))
    same = keras.Model(inputs, keras.layers.Flatten()(inputs))
    fields = {"columns": ("T",), "units": ("",), "mean": (100_000.0,), "std": (1.0,)}
    found = Forecaster(metadata(**fields, target="T", sequence_length=1), same)
    raw = raw_model(found)(np.array([[[100_000.7]]], dtype=np.float32))
    assert float(np.asarray(raw["forecast"])[0, 0]) == float(np.float32(100_000.7)) - 100_000


def refusal(found: Forecaster, path: Path) -> str:
    with pytest.raises(TrainingError) as caught:
        export_onnx(found, path)
    assert not list(path.parent.iterdir())
    return str(caught.value)


def with_layer(dtype: str) -> Forecaster:
    model: Any = SimpleNamespace(layers=[SimpleNamespace(compute_dtype=dtype)])
    return Forecaster(forecaster().metadata, model)


def test_a_model_in_16_bits_is_refused(tmp_path: Path) -> None:
    assert refusal(with_layer("float16"), tmp_path / "model.onnx") == (
        "dense was trained with train.mixed_precision, and only a model in float32 can be "
        "exported; set train.mixed_precision: false, then: dvc repro train@dense"
    )


def test_an_architecture_that_cannot_be_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(path: str, **_: Any) -> None:
        Path(path).write_text("half")
        raise ValueError("no such\noperation")

    raw = SimpleNamespace(export=export)
    monkeypatch.setattr("jena_etl.forecasting.export.raw_model", lambda _: raw)
    assert refusal(with_layer("float32"), tmp_path / "model.onnx") == (
        "dense cannot be exported as ONNX (no such operation); docs/forecast.md says which "
        "architectures can"
    )


def test_the_jax_backend_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.config.backend", lambda: "jax")
    assert "works with Keras' backend tensorflow alone, found jax; unset KERAS" in refusal(
        with_layer("float32"), tmp_path / "model.onnx"
    )


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jena_etl.forecasting.export.find_spec", lambda _: None)
    assert refusal(with_layer("float32"), tmp_path / "model.onnx") == (
        "the export needs the package onnx and tf2onnx, which is not installed; install the extra: "
        "uv sync --extra onnx, or pip install 'jena-etl[onnx]'"
    )
