"""Forecasts for the windows of the scored splits, and the files they are kept in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jena_etl.errors import TrainingError
from jena_etl.files import read_parquet, replacing

if TYPE_CHECKING:  # a score needs no windows: a change of theirs must not score again by itself
    from jena_etl.windows.split import SplitWindows

SCORED = ("validation", "test")
NAIVE = "naive"  # the forecast that nothing changes, as it is called among the architectures


@dataclass(frozen=True)
class Predictions:
    """The forecasts of one split with their observations: arrays of shape (windows,) in time order.

    Attributes:
        issued: timestamp of the window's last input, datetime64[s].
        timestamp: timestamp of the target, datetime64[s].
        truth: what was observed then, float32, in the target column's unit.
        prediction: the forecast of it, float32.
    """

    issued: np.ndarray
    timestamp: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def naive_forecast(windows: SplitWindows) -> np.ndarray:
    """The target column at each window's last input, (windows,): nothing changes until then."""
    last: np.ndarray = windows.targets[windows.issued_rows()]
    return last


def forecast(model: Any, windows: SplitWindows, *, batch_size: int, order: str) -> np.ndarray:
    """The model's forecast for every window exactly once, float32 (windows,), in time order.

    Raises:
        TrainingError: the model forecasts NaN or infinity.
    """
    out: np.ndarray = model.predict(windows.for_model(batch_size, order=order), verbose=0)
    if out.shape != (len(windows), 1):
        raise TrainingError(
            f"the model gave {out.shape} forecasts for {len(windows)} windows; expected one each"
        )
    if not np.isfinite(out).all():
        raise TrainingError("the model forecasts NaN or infinity; train it again")
    return out[:, 0].astype(np.float32)


def with_observations(
    windows: SplitWindows, timestamps: np.ndarray, predicted: np.ndarray
) -> Predictions:
    """The forecasts `predicted`, (windows,), with their timestamps and observations.

    Args:
        windows: of one split.
        timestamps: of all rows, datetime64[s] of shape (rows,).
        predicted: a forecast per window, in time order.
    """
    targets = windows.target_rows()
    return Predictions(
        timestamps[windows.issued_rows()], timestamps[targets], windows.targets[targets], predicted
    )


def write_predictions(path: Path, parts: dict[str, Predictions]) -> None:
    """Write the forecasts of each split as one Parquet file."""
    tables = [
        pa.table(
            {
                "split": pa.array([split] * len(part.prediction)),
                "issued": pa.array(part.issued),
                "timestamp": pa.array(part.timestamp),
                "truth": pa.array(part.truth),
                "prediction": pa.array(part.prediction),
            }
        )
        for split, part in parts.items()
    ]
    with replacing(path) as aside:
        pq.write_table(pa.concat_tables(tables), aside, version="2.6", compression="zstd")


def read_predictions(path: Path, *, built_by: str) -> dict[str, Predictions]:
    """Read what `write_predictions` wrote.

    Raises:
        ProjectError: the file is missing or damaged; names the command that builds it.
    """
    names = list(Predictions.__dataclass_fields__)
    table = read_parquet(path, built_by=built_by, columns=("split", *names))
    splits = table.column("split").to_numpy()
    columns = {name: table.column(name).to_numpy() for name in names}
    return {
        split: Predictions(**{name: values[splits == split] for name, values in columns.items()})
        for split in SCORED
    }
