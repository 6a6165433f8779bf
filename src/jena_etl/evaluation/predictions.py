"""Forecasts for the windows of the scored splits, and the Parquet files that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jena_etl.errors import TrainingError
from jena_etl.files import read_parquet, replacing

if TYPE_CHECKING:  # scoring does not use the windows, so a change there must not rerun it
    from jena_etl.windows.split import SeriesWindows, SplitWindows

SCORED = ("validation", "test")
# The leaderboard's names for the forecasts without a model; jena_etl.evaluation.baselines says what
# they are. Skill is relative to the naive forecast, that nothing changes.
NAIVE = "naive"
CLIMATOLOGY = "climatology"
PERSISTENCE_CYCLE = "persistence_cycle"
DAMPED_PERSISTENCE = "damped_persistence"
BASELINES = (NAIVE, CLIMATOLOGY, PERSISTENCE_CYCLE, DAMPED_PERSISTENCE)
# Between an architecture, whose name has no hyphen, and what another training of it has: a further
# seed, the origin of a fold, or a further horizon.
SEED, FOLD, HORIZON = "-seed", "-fold", "-horizon"
COLUMNS = ("issued", "timestamp", "observation", "prediction")  # of every file of forecasts
STATION = "station"  # also there if the project has several stations


@dataclass(frozen=True)
class Predictions:
    """The forecasts and observations of one split: arrays of shape (windows,) in time order.

    Attributes:
        issued: timestamp of the window's last input, datetime64[s].
        timestamp: timestamp of the target, datetime64[s].
        observation: the observation at that time, float32, in the target column's unit.
        prediction: the forecast of that observation, float32.
        station: the number of the station, int16, counted from 0 in the order of stations.json;
            None if the project has one. The windows are then in time order station by station.
    """

    issued: np.ndarray
    timestamp: np.ndarray
    observation: np.ndarray
    prediction: np.ndarray
    station: np.ndarray | None = None

    def of_stations(self, numbers: Sequence[int]) -> Predictions:
        """The forecasts for these stations; all of them if the project has one."""
        if self.station is None:
            return self
        chosen = np.isin(self.station, list(numbers))
        if chosen.all():
            return self
        return Predictions(**{name: values[chosen] for name, values in vars(self).items()})

    def sharing(self, other: Predictions) -> Predictions:
        """The same forecasts, with the arrays of `other` in place of equal ones.

        Forecasts of the same windows then take the memory of one, but for what they predict.
        """
        equal = {
            name: theirs
            for name, theirs in vars(other).items()
            if name != "prediction" and np.array_equal(getattr(self, name), theirs)
        }
        return replace(self, **equal)


def joined(stations: Sequence[Predictions]) -> Predictions:
    """The forecasts of a split for several stations, in their order, numbered from 0."""
    lengths = [len(part.prediction) for part in stations]
    columns = {name: np.concatenate([getattr(part, name) for part in stations]) for name in COLUMNS}
    numbers = np.repeat(np.arange(len(stations), dtype=np.int16), lengths)
    return Predictions(**columns, station=numbers)


def with_seed(architecture: str, seed: int) -> str:
    """The name of the forecasts of an architecture that was trained with a further seed."""
    return f"{architecture}{SEED}{seed}"


def in_fold(name: str, origin: str) -> str:
    """The name of the forecasts of a baseline or an architecture in a fold."""
    return f"{name}{FOLD}{origin}"


def at_horizon(name: str, horizon: int) -> str:
    """The name of the forecasts of a baseline or an architecture for a further horizon."""
    return f"{name}{HORIZON}{horizon}"


def built_by(name: str) -> str:
    """The stage that makes the forecasts of this name."""
    name, _, horizon = name.partition(HORIZON)
    if horizon:
        return f"horizon@{horizon}" if name in BASELINES else f"train_horizon@{name}-{horizon}"
    name, _, origin = name.partition(FOLD)
    if name in BASELINES:
        return f"fold@{origin}" if origin else "baseline"
    if origin:
        return f"train_fold@{name}-{origin}"
    architecture, _, seed = name.partition(SEED)
    return f"train_seed@{architecture}-{seed}" if seed else f"train@{name}"


def naive_mae(windows: SplitWindows) -> float:
    """The mean absolute error of the naive forecast, in the target's unit."""
    error = windows.last_observations().astype(np.float64) - windows.observations()
    return float(np.abs(error).mean())


def forecast(model: Any, windows: SplitWindows, *, batch_size: int, order: str) -> np.ndarray:
    """The model's forecast for every window, float32 of shape (windows,), in time order.

    Raises:
        TrainingError: the model forecasts NaN or infinity.
    """
    out: np.ndarray = model.predict(windows.for_model(batch_size, order=order), verbose=0)
    if out.shape != (len(windows), 1):
        raise TrainingError(
            f"the model's forecasts have shape {out.shape}, expected ({len(windows)}, 1)"
        )
    if not np.isfinite(out).all():
        raise TrainingError("the model forecasts NaN or infinity; train it again")
    return out[:, 0].astype(np.float32)


def with_observations(
    windows: SeriesWindows, timestamps: np.ndarray, predicted: np.ndarray
) -> Predictions:
    """Combine forecasts with their timestamps and observations.

    Args:
        windows: the windows of one split.
        timestamps: the timestamps of all rows, datetime64[s] of shape (rows,).
        predicted: one forecast per window in time order, of shape (windows,).
    """
    return Predictions(
        timestamps[windows.issued_rows()],
        timestamps[windows.target_rows()],
        windows.observations(),
        predicted,
    )


def write_predictions(path: Path, parts: dict[str, Predictions]) -> None:
    """Write the forecasts of each split as one Parquet file."""
    tables = [
        pa.table({"split": [split] * len(part.prediction), **_columns(part)})
        for split, part in parts.items()
    ]
    with replacing(path) as aside:
        pq.write_table(pa.concat_tables(tables), aside, version="2.6", compression="zstd")


def _columns(part: Predictions) -> dict[str, np.ndarray]:
    return {name: values for name, values in vars(part).items() if values is not None}


def read_predictions(path: Path, *, built_by: str) -> dict[str, Predictions]:
    """Read what `write_predictions` wrote.

    Raises:
        ProjectError: the file is missing or damaged; names the command that builds it.
    """
    table = read_parquet(path, built_by=built_by, columns=("split", *COLUMNS))
    names = [*COLUMNS, *({STATION} & set(table.column_names))]
    parts = {split: table.filter(pc.equal(table.column("split"), split)) for split in SCORED}
    return {
        split: Predictions(**{name: part.column(name).to_numpy() for name in names})
        for split, part in parts.items()
    }
