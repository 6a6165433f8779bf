"""Forecasts from measurements in their own units, with a model from its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from jena_etl.errors import DataError, TrainingError
from jena_etl.evaluation.prediction_intervals import ResidualQuantiles, quantiles_of_model
from jena_etl.prepare.features import compute_features
from jena_etl.training.metadata import ModelMetadata
from jena_etl.training.model_file import load_model, read_metadata
from jena_etl.windows.reader import WindowReader
from jena_etl.windows.spec import input_steps

if TYPE_CHECKING:
    import numpy.typing as npt

    from jena_etl.windows.split_windows import SplitWindows

BATCH_SIZE = 256  # windows that the model is given at once
INTERVALS = "prediction_intervals.json"
NEEDED = (
    f"in its project, build {INTERVALS}: dvc repro evaluate; elsewhere, put that file, which is "
    "fetched as prediction-intervals, beside the model"
)


class Measurements(Protocol):
    """Anything that gives a column by its name: a dict of arrays, a Polars or pandas DataFrame."""

    def __getitem__(self, name: str, /) -> npt.ArrayLike:
        """The values of a column, in time order."""


@dataclass(frozen=True, repr=False)
class Forecaster:
    """A trained model that takes measurements in their units and forecasts in the target's unit.

    Columns are found by their names, so that their order cannot be mistaken and any library's table
    will do.

    Attributes:
        metadata: the columns and the window that the model reads, and what it forecasts.
        model: the Keras model, which takes normalised windows.
        residuals: how far off it was on the validation split; None if that is not known.
    """

    metadata: ModelMetadata
    model: Any
    residuals: ResidualQuantiles | None = None

    def __repr__(self) -> str:
        """One line, because the metadata would fill the screen."""
        found = self.metadata
        return (
            f"<Forecaster: {found.architecture}, {found.target} {found.lead_time} ahead, from "
            f"{self.rows:,} rows of {len(found.measurements)} columns>"
        )

    @property
    def rows(self) -> int:
        """How many rows a forecast needs, those included that only its features are made from."""
        return self.metadata.rows

    def forecast(
        self, measurements: Measurements, timestamps: npt.ArrayLike | None = None
    ) -> np.ndarray:
        """Forecast the target for every row that has a whole window up to it.

        The first forecast is issued at row `rows - 1`, each further one a row later. With exactly
        `rows` rows there is one forecast, issued at the last row.

        Args:
            measurements: the columns of the series, at least those of `metadata.measurements`, with
                the rows one step of the series apart. Features are computed from them.
            timestamps: the timestamps of the rows, datetime64 of shape (rows,), to have it checked
                that none is missing. A model with a feature of the time of day or year needs them.

        Returns:
            The forecasts in `metadata.target_unit`, float32 of shape (rows of the measurements -
            rows + 1,).

        Raises:
            DataError: a column is missing or holds something other than finite numbers, there are
                too few rows, or the timestamps have a hole or are needed and missing.
            TrainingError: the model forecasts NaN or infinity.
        """
        columns = self._columns(measurements)
        clock = self._clock(timestamps, len(columns[self.metadata.target]))
        features = normalised_features(self.metadata, columns, clock)[self.metadata.history :]
        spec = self.metadata.spec
        steps = input_steps(spec.sequence_length, spec.sampling_rate, self.metadata.order)
        reader = WindowReader(features, steps)
        starts = np.arange(len(features) - spec.last_input)
        batches = [starts[at : at + BATCH_SIZE] for at in range(0, len(starts), BATCH_SIZE)]
        # Called, not `predict`ed: compiling takes longer than a single forecast.
        parts = [self.model(reader.read(batch), training=False) for batch in batches]
        return self._forecasts([np.asarray(part) for part in parts])

    def forecast_quantiles(
        self, measurements: Measurements, timestamps: npt.ArrayLike | None = None
    ) -> np.ndarray:
        """The 10, 50 and 90% quantiles of the target, for the same rows as `forecast`.

        The observation lies between the first and the last in about 80% of the cases;
        docs/evaluation.md says under which conditions.

        Args:
            measurements: as `forecast` takes them.
            timestamps: likewise.

        Returns:
            In `metadata.target_unit`, float32 of shape (rows of the measurements - rows + 1, 3).

        Raises:
            DataError: for the same reasons as `forecast`.
            TrainingError: the model's residuals are not known, or it forecasts NaN or infinity.
        """
        if self.residuals is None:
            raise TrainingError(
                f"how far off {self.metadata.architecture} may be is not known; {NEEDED}"
            )
        return self.residuals.around(self.forecast(measurements, timestamps))

    def forecast_windows(self, windows: SplitWindows) -> np.ndarray:
        """Forecast the target of each window, float32 of shape (windows,), in time order.

        Keras compiles the model for it, which pays off from some hundred windows on.

        Args:
            windows: their features are normalised.

        Raises:
            TrainingError: the model forecasts NaN or infinity.
        """
        batches = windows.batches(BATCH_SIZE, order=self.metadata.order)
        return self._forecasts([self.model.predict_on_batch(inputs) for inputs, _ in batches])

    def _forecasts(self, parts: list[np.ndarray]) -> np.ndarray:
        forecasts = np.concatenate(parts)
        if not np.isfinite(forecasts).all():
            raise TrainingError(
                f"the model {self.metadata.architecture} forecasts NaN or infinity; train it "
                f"again: dvc repro -f train@{self.metadata.architecture}"
            )
        return forecasts[:, 0].astype(np.float32)

    def naive(self, measurements: Measurements) -> np.ndarray:
        """The forecasts, for the same rows, that the target stays as it is.

        Raises:
            DataError: for the same reasons as `forecast`.
        """
        target = self._columns(measurements)[self.metadata.target]
        return target[self.rows - 1 :].astype(np.float32)

    def _columns(self, measurements: Measurements) -> dict[str, np.ndarray]:
        columns = {name: _column(measurements, name) for name in self.metadata.measurements}
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise DataError(
                f"the columns have different lengths ({', '.join(map(str, sorted(lengths)))} "
                "rows), expected a value in each column for every row"
            )
        if (found := lengths.pop()) < self.rows:
            raise DataError(
                f"{found:,} rows are too few for a forecast of {self.metadata.architecture}, which "
                f"reads {self.rows:,} rows up to the one at which it is issued"
            )
        return columns

    def _clock(self, timestamps: npt.ArrayLike | None, rows: int) -> np.ndarray:
        """The timestamps, which must be regular; NaT if there are none and none are needed."""
        found = self.metadata
        if timestamps is None:
            if kinds := [block.kind for block in found.features if block.reads_timestamps]:
                raise DataError(
                    f"{found.architecture} reads the {' and '.join(kinds)}, which is computed from "
                    "the timestamps of the rows; pass them: forecast(measurements, timestamps)"
                )
            return np.full(rows, "NaT", dtype="datetime64[s]")
        clock = np.asarray(timestamps)
        if clock.shape != (rows,):
            raise DataError(f"there are {rows:,} rows, but {clock.size:,} timestamps")
        check_regular(clock, found.step_seconds)
        return clock


def normalised_features(
    metadata: ModelMetadata, measurements: Mapping[str, np.ndarray], timestamps: np.ndarray
) -> np.ndarray:
    """What a model reads, features included: float32 of shape (rows, columns).

    The measurements are float64 of shape (rows,) by column. In the first `metadata.history` rows,
    the features are made from fewer rows than usual.
    """
    computed = compute_features(metadata.features, measurements, timestamps)
    columns = {**measurements, **computed}
    features = np.empty((len(timestamps), len(metadata.columns)), dtype=np.float32)
    for at, name in enumerate(metadata.columns):
        features[:, at] = (columns[name] - metadata.mean[at]) / metadata.std[at]
    return features


def load_forecaster(
    path: Path, *, architecture: str | None = None, intervals: Path | None = None
) -> Forecaster:
    """Load the model of a model file, which needs nothing of the project it was trained in.

    Args:
        path: the file.
        architecture: the architecture that it has to hold; by default, any.
        intervals: a `prediction_intervals.json`, which is read beside the one that may lie in the
            model's folder. Of the two, the one that names this very file is used.

    Raises:
        TrainingError: the file is missing or damaged, or holds another architecture.
        ProjectError: `prediction_intervals.json` is damaged.
    """
    metadata = read_metadata(path)
    model = load_model(path, architecture=architecture or metadata.architecture)
    files = [path.with_name(INTERVALS), *([intervals] if intervals else [])]
    residuals = quantiles_of_model(path, metadata.architecture, files)
    return Forecaster(metadata, model, residuals)


def check_regular(timestamps: np.ndarray, step_seconds: int | None) -> None:
    """Refuse timestamps that are not one step apart.

    Args:
        timestamps: datetime64 of shape (rows,).
        step_seconds: the time from one row to the next.

    Raises:
        DataError: there is a hole, a repeated or an irregular timestamp; names the first one.
    """
    seconds = timestamps.astype("datetime64[s]")
    steps = np.diff(seconds).astype(np.int64)
    if not (steps != step_seconds).any():
        return
    at = int((steps != step_seconds).argmax())
    what = "there is a hole" if steps[at] > (step_seconds or 0) else "the timestamps do not advance"
    raise DataError(
        f"{what}: {seconds[at]} is followed by {seconds[at + 1]}, expected a row every "
        f"{step_seconds} seconds as in the series that the model was trained on"
    )


def _column(measurements: Measurements, name: str) -> np.ndarray:
    try:
        cells = measurements[name]
    except Exception:  # noqa: BLE001  every library has its own error for an unknown column
        raise DataError(
            f"the measurements have no column {name!r}, which the model reads"
        ) from None
    try:
        values = np.asarray(cells, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"the column {name!r} holds something other than numbers") from None
    if values.ndim != 1:
        raise DataError(f"the column {name!r} has shape {values.shape}, expected (rows,)")
    if not (is_finite := np.isfinite(values)).all():
        row = int((~is_finite).argmax())
        raise DataError(
            f"the column {name!r} holds {values[row]} in row {row}, expected a measurement in "
            "every row; fill it, or leave out the rows up to it"
        )
    return values
