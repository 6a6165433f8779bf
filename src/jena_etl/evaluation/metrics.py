"""Scores forecasts against the observations, and against the naive forecast."""

from __future__ import annotations

from typing import Any

import numpy as np

from jena_etl.errors import ProjectError
from jena_etl.evaluation.predictions import Predictions


def evaluate(
    name: str, predicted: dict[str, Predictions], naive: dict[str, Predictions]
) -> dict[str, Any]:
    """Score the forecasts of architecture `name` in each split of the naive forecast.

    Raises:
        ProjectError: the two do not forecast the same windows.
    """
    report: dict[str, Any] = {"architecture": name}
    for split, reference in naive.items():
        model = predicted[split]
        for field in ("issued", "timestamp", "truth"):
            if not np.array_equal(getattr(model, field), getattr(reference, field)):
                raise ProjectError(
                    f"the {split} forecasts of {name} are for other windows than the naive "
                    f"forecast's ({len(model.truth):,} and {len(reference.truth):,}; they differ "
                    f"in {field}); make both again: dvc repro train@{name} baseline"
                )
        report[split] = scores(model.truth, model.prediction, reference.prediction)
    return report


def scores(actual: np.ndarray, predicted: np.ndarray, naive: np.ndarray) -> dict[str, Any]:
    """MAE, RMSE and bias in the target's unit, skill against `naive`; all arrays (windows,).

    bias = mean(prediction - observation); skill = 1 - MAE / MAE of the naive forecast, or None if
    the naive forecast is perfect. Computed in float64.

    >>> scores(np.array([1.0, 2.0]), np.array([1.0, 4.0]), np.array([3.0, 4.0]))
    {'mae': 1.0, 'rmse': 1.4142135623730951, 'bias': 1.0, 'skill': 0.5, 'windows': 2}
    """
    error = predicted.astype(np.float64) - actual
    mae = float(np.abs(error).mean())
    naive_mae = float(np.abs(naive.astype(np.float64) - actual).mean())
    return {
        "mae": mae,
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(error.mean()),
        "skill": 1 - mae / naive_mae if naive_mae else None,
        "windows": len(error),
    }
