"""Scores of a forecast, and the naive forecast it is measured against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.errors import TrainingError
from jena_etl.files import replacing
from jena_etl.windows.windows import Windows

SCORED = ("validation", "test")


def naive_forecast(windows: Windows) -> np.ndarray:
    """The target column at each window's last input, (windows,): nothing changes until then."""
    last: np.ndarray = windows.targets[windows.issued_rows()]
    return last


def truth(windows: Windows) -> np.ndarray:
    """What came, (windows,), in time order."""
    came: np.ndarray = windows.targets[windows.target_rows()]
    return came


def forecast(model: Any, windows: Windows, *, batch_size: int, order: str) -> np.ndarray:
    """The model's forecast for every window exactly once, float32 (windows,), in time order.

    Raises:
        TrainingError: the model forecasts NaN or infinity.
    """
    out: np.ndarray = model.predict(windows.dataset(batch_size, order=order), verbose=0)
    if out.shape != (len(windows), 1):
        raise TrainingError(
            f"the model gave {out.shape} forecasts for {len(windows)} windows; expected one each"
        )
    if not np.isfinite(out).all():
        raise TrainingError("the model forecasts NaN or infinity; train it again")
    return out[:, 0].astype(np.float32)


def scores(actual: np.ndarray, predicted: np.ndarray, naive: np.ndarray) -> dict[str, Any]:
    """MAE, RMSE and bias in the target's unit, skill against `naive`; all arrays (windows,).

    bias = mean(prediction - truth); skill = 1 - MAE / MAE of the naive forecast, None where the
    naive forecast is perfect. Computed in float64.

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


def in_words(report: dict[str, Any]) -> str:
    """One line about a report of `scores` per split, for the terminal."""
    maes = ", ".join(f"{split} {report[split]['mae']:.2f}" for split in SCORED)
    return f"MAE of {report['architecture']}: {maes}\n"


def write_predictions(
    path: Path, stamps: np.ndarray, parts: dict[str, tuple[Windows, np.ndarray]]
) -> None:
    """Write every forecast with its stamps as Parquet.

    Args:
        path: the file.
        stamps: datetime64[s] of shape (rows,).
        parts: per split its windows and the forecasts, (windows,).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [
        pa.table(
            {
                "split": pa.array([split] * len(windows)),
                "issued": pa.array(stamps[windows.issued_rows()]),
                "stamp": pa.array(stamps[windows.target_rows()]),
                "truth": pa.array(truth(windows)),
                "prediction": pa.array(predicted),
            }
        )
        for split, (windows, predicted) in parts.items()
    ]
    with replacing(path) as part:
        pq.write_table(pa.concat_tables(tables), part, version="2.6", compression="zstd")
