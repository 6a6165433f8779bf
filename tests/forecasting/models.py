"""Forecasters whose model is a line of NumPy, and model files without weights."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from jena_etl.forecasting.forecaster import Forecaster
from jena_etl.params_features import Features, feature_names
from jena_etl.training.metadata import ModelMetadata

COLUMNS = ("p (mbar)", "T (degC)", "rh (%)")


def metadata(**others: Any) -> ModelMetadata:
    """Three inputs, two rows apart, forecast `T (degC)` four rows after the last one."""
    fields: dict[str, Any] = {
        "columns": COLUMNS,
        "units": ("mbar", "degC", "%"),
        "mean": (990.0, 10.0, 75.0),
        "std": (10.0, 4.0, 20.0),
        "step_seconds": 600,
        "sequence_length": 3,
        "sampling_rate": 2,
        "horizon": 2,
        "target": "T (degC)",
        "target_unit": "degC",
        "climate_sha256": "c" * 64,
        "architecture": "dense",
        "order": "forward",
        "trainable_parameters": 0,
        "layers": (),
    }
    return ModelMetadata(**fields | others)


def with_features(*blocks: dict[str, Any]) -> dict[str, Any]:
    """What `metadata` and `forecaster` are to be given for these features; mean 0 and std 1."""
    names = feature_names(features := TypeAdapter(Features).validate_python(list(blocks)))
    return {
        "columns": (*COLUMNS, *names),
        "units": ("mbar", "degC", "%", *[""] * len(names)),
        "mean": (990.0, 10.0, 75.0, *[0.0] * len(names)),
        "std": (10.0, 4.0, 20.0, *[1.0] * len(names)),
        "features": features,
    }


def forecaster(
    model: Callable[[np.ndarray], np.ndarray] = lambda windows: windows[:, -1, 1], **others: Any
) -> Forecaster:
    """A forecaster whose model, (windows, steps, columns) -> (windows,), is a plain function."""
    return Forecaster(metadata(**others), lambda windows, **_: model(windows)[:, None])


def write_model_file(path: Path, found: ModelMetadata) -> None:
    """A file in which only the metadata can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", "")
        content = {"jena_etl": found.model_dump(mode="json")}
        archive.writestr("metadata.json", json.dumps(content))
