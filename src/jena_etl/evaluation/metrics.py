"""Scores forecasts against the observations, and against the naive forecast."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jena_etl.errors import ProjectError
from jena_etl.evaluation.predictions import Predictions, built_by


@dataclass(frozen=True)
class Scores:
    """How well one split was forecast, in the target's unit.

    Attributes:
        mae: mean absolute error.
        rmse: root of the mean squared error.
        bias: mean of prediction - observation.
        skill: 1 - MAE / MAE of the naive forecast; None if the naive forecast is perfect.
        windows: the number of forecasts.
    """

    mae: float
    rmse: float
    bias: float
    skill: float | None
    windows: int


def evaluate(
    name: str, predicted: dict[str, Predictions], naive: dict[str, Predictions]
) -> dict[str, Scores]:
    """Score the forecasts of an architecture or a baseline in each split of the naive forecast.

    Raises:
        ProjectError: the two do not forecast the same windows.
    """
    report = {}
    for split, reference in naive.items():
        model = predicted[split]
        for field in ("issued", "timestamp", "observation"):
            if not np.array_equal(getattr(model, field), getattr(reference, field)):
                raise ProjectError(
                    f"the {split} forecasts of {name} are for other windows than the naive "
                    f"forecast's ({len(model.issued):,} and {len(reference.issued):,}; they differ "
                    f"in {field}); make both again: dvc repro {built_by(name)} baseline"
                )
        report[split] = scores(model.observation, model.prediction, reference.prediction)
    return report


def scores(actual: np.ndarray, predicted: np.ndarray, naive: np.ndarray) -> Scores:
    """Score forecasts, computing in float64; all arrays have shape (windows,).

    >>> scores(np.array([1.0, 2.0]), np.array([1.0, 4.0]), np.array([3.0, 4.0]))
    Scores(mae=1.0, rmse=1.4142135623730951, bias=1.0, skill=0.5, windows=2)
    """
    error = predicted.astype(np.float64) - actual
    mae = float(np.abs(error).mean())
    naive_mae = float(np.abs(naive.astype(np.float64) - actual).mean())
    return Scores(
        mae=mae,
        rmse=float(np.sqrt((error**2).mean())),
        bias=float(error.mean()),
        skill=skill_of(mae, naive_mae),
        windows=len(error),
    )


def skill_of(mae: float, naive_mae: float) -> float | None:
    """1 - MAE / the naive forecast's; None if the naive forecast is perfect."""
    return 1 - mae / naive_mae if naive_mae else None


def skill_text(found: float | None) -> str:
    """A skill with its sign, or nothing."""
    return "" if found is None else f"{found:+.3f}"


def read_mae(rows: Sequence[Mapping[str, str]], pattern: str) -> dict[str, dict[str, float]]:
    """Mean absolute errors from the rows of the leaderboard; none without such columns.

    Args:
        rows: at least one.
        pattern: a regular expression for the names of the columns. Its group is what an error is
            of, such as a station.

    Returns:
        The errors by the name of the forecast and by what they are of.
    """
    matches = {column: re.fullmatch(pattern, column) for column in rows[0]}
    parts = {column: match[1] for column, match in matches.items() if match}
    if not parts:
        return {}
    return {
        row["architecture"]: {part: float(row[column]) for column, part in parts.items()}
        for row in rows
    }
