"""Forecasts for the windows of the scored splits, and the Parquet files that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jena_etl.errors import TrainingError
from jena_etl.files import open_parquet, replacing

if TYPE_CHECKING:  # scoring does not use the windows, so a change there must not rerun it
    from jena_etl.windows.split_windows import SeriesWindows, SplitWindows

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

    def errors(self) -> npt.NDArray[np.float64]:
        """Forecast - observation, in the target's unit; of shape (windows,)."""
        found: npt.NDArray[np.float64] = self.prediction.astype(np.float64) - self.observation
        return found

    def of_stations(self, numbers: Sequence[int]) -> Predictions:
        """The forecasts for these stations; all of them if the project has one."""
        if self.station is None:
            return self
        wanted = np.unique(numbers)
        begins, ends = (np.searchsorted(self.station, wanted, side) for side in ("left", "right"))
        if (ends - begins).sum() == len(self.station):
            return self
        columns = {}
        for name, values in vars(self).items():
            pieces = [values[begin:end] for begin, end in zip(begins, ends, strict=True)]
            # A single piece is a view, which takes no memory.
            columns[name] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return Predictions(**columns)

    def sharing(self, other: Predictions) -> Predictions:
        """The same forecasts, with the arrays of `other` in place of equal ones.

        Forecasts of the same windows then take the memory of one, but for what they predict.
        """
        shared = {name: _shared(found, other, name) for name, found in vars(self).items()}
        return replace(self, **shared)


def _shared(found: np.ndarray, other: Predictions, name: str) -> np.ndarray:
    known: np.ndarray | None = None if name == "prediction" else getattr(other, name)
    return found if known is None or not np.array_equal(known, found) else known


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
    with predictions_writer(path) as write:
        write(parts, None)


@contextmanager
def predictions_writer(
    path: Path,
) -> Iterator[Callable[[dict[str, Predictions], int | None], None]]:
    """Write the forecasts of several stations as one Parquet file, one station after the other.

    Yields:
        What writes the forecasts of each split for a station, given its number; None if the project
        has one station.
    """
    with replacing(path) as aside, ExitStack() as stack:
        writer: pq.ParquetWriter | None = None

        def write(parts: dict[str, Predictions], station: int | None) -> None:
            nonlocal writer
            table = pa.concat_tables(_table(split, part, station) for split, part in parts.items())
            if writer is None:
                writer = stack.enter_context(
                    pq.ParquetWriter(aside, table.schema, version="2.6", compression="zstd")
                )
            writer.write_table(table)

        yield write


def _table(split: str, part: Predictions, station: int | None) -> pa.Table:
    count = len(part.prediction)
    columns = {"split": [split] * count, **{name: getattr(part, name) for name in COLUMNS}}
    if station is not None:
        columns[STATION] = np.full(count, station, np.int16)
    return pa.table(columns)


def read_predictions(
    path: Path, *, built_by: str, like: Mapping[str, Predictions] | None = None
) -> dict[str, Predictions]:
    """Read what `write_predictions` or `predictions_writer` wrote.

    Args:
        path: the file.
        built_by: the stage that makes it.
        like: forecasts of the same windows by split, whose arrays take the place of equal ones. The
            forecasts then take the memory of one, but for what they predict.

    Raises:
        ProjectError: the file is missing or damaged; names the command that builds it.
    """
    parts: dict[str, dict[str, np.ndarray]] = {split: {} for split in SCORED}
    with open_parquet(path, built_by=built_by, columns=("split", *COLUMNS)) as file:
        # Column by column and row group by row group, as each station is one: all of the file at
        # once takes several times the memory of the arrays.
        chosen: dict[str, list[np.ndarray]] = {split: [] for split in SCORED}
        for splits in _row_groups(file, "split"):
            for split, rows in chosen.items():
                rows.append(pc.equal(splits, split).to_numpy())
        for name in (*COLUMNS, *({STATION} & set(file.schema_arrow.names))):
            pieces: dict[str, list[np.ndarray]] = {split: [] for split in SCORED}
            for group, values in enumerate(_row_groups(file, name)):
                for split, rows in chosen.items():
                    pieces[split].append(values.to_numpy()[rows[group]])
            for split in SCORED:
                found = np.concatenate(pieces.pop(split))
                parts[split][name] = _shared(found, like[split], name) if like else found
    return {split: Predictions(**columns) for split, columns in parts.items()}


def _row_groups(file: pq.ParquetFile, column: str) -> Iterator[pa.ChunkedArray]:
    """The values of a column, row group by row group."""
    for group in range(file.num_row_groups):
        yield file.read_row_group(group, [column]).column(0)
