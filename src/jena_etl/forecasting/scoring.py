"""A newer export of the station as a test: which windows to score, and how like the old data it is.

Nothing is learnt from the export: its columns are normalised with the train rows' mean and standard
deviation, which the model file holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jena_etl.errors import DataError
from jena_etl.forecasting.forecaster import normalised_features
from jena_etl.forecasting.series import Series
from jena_etl.prepare.readings import reads
from jena_etl.stage_output import Count, Part
from jena_etl.training.metadata import ModelMetadata
from jena_etl.windows.grid import commonest_step, segments_from_timestamps
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.split_windows import SeriesWindows

KINDS = ("missing", "sentinel", "frozen")
# When a column is said to differ, in train standard deviations. They are wide, since the seasons
# move the mean and skewed columns, such as wind and rain, have far extremes: they are to find
# another unit, another sensor or a fault, not other weather.
FAR_MEAN, FAR_VALUE = 2.0, 12.0
NARROW, WIDE = 1 / 3, 3.0


class LeftOut(Part):
    """How many windows are not scored, each counted under the first reason that applies.

    Attributes:
        irregular: those that reach across a hole or another irregular step.
        unmeasured_input: those that read a cell without a measurement.
        unmeasured_target: those whose target was not measured.
    """

    irregular: Count
    unmeasured_input: Count
    unmeasured_target: Count


class ColumnLikeness(Part):
    """A column of the export, compared with the train rows.

    Attributes:
        min: its lowest value, as (value - mean) / std with those of the train rows.
        mean: its mean, likewise.
        max: its highest value, likewise.
        spread: its standard deviation / that of the train rows.
        missing: how many cells are missing.
        sentinel: how many hold a sentinel.
        frozen: how many are of a sensor that hardly changes for days.
    """

    min: float
    mean: float
    max: float
    spread: float
    missing: Count
    sentinel: Count
    frozen: Count

    def doubts(self) -> Iterator[str]:
        """What does not look like the train rows, in words that continue "its"."""
        if abs(self.mean) > FAR_MEAN:
            yield f"mean is {self.mean:+.1f} standard deviations of the train rows from theirs"
        if not NARROW <= self.spread <= WIDE:
            yield f"standard deviation is {self.spread:.2g} times that of the train rows"
        if (farthest := max(self.min, self.max, key=abs)) and abs(farthest) > FAR_VALUE:
            yield f"farthest value is {farthest:+.1f} standard deviations from their mean"


def scorable_windows(series: Series, metadata: ModelMetadata) -> tuple[SeriesWindows, LeftOut]:
    """The windows of an export that can be scored, and how many are left out.

    They are all, one for each row, whose inputs and target were measured. Where features are
    computed from rows before the window, those must have been measured as well.

    Raises:
        DataError: the rows are not as far apart as those that the model was trained on, or there is
            no such window.
    """
    climate, spec = series.climate, metadata.spec
    _check_step(series, metadata)
    starts = np.arange(metadata.history, max(metadata.history, len(climate) - spec.target))
    is_regular = np.zeros(len(climate), dtype=bool)
    for segment in segments_from_timestamps(climate.timestamps):
        first = segment.start + metadata.history
        is_regular[first : max(first, segment.stop - spec.target)] = True
    is_regular = is_regular[starts]
    cells = _unmeasured(series, metadata)
    is_blind = np.zeros(len(starts), dtype=bool)
    for name, rows in cells.items():
        shaped = np.zeros_like(rows)
        for back in metadata.rows_back(name).tolist():
            shaped[back:] |= rows[: len(rows) - back]
        is_blind |= reads(shaped, starts, spec, is_target=False)
    is_open = cells[metadata.target][starts + spec.target]
    kept = starts[is_regular & ~is_blind & ~is_open]
    left_out = LeftOut(
        irregular=int((~is_regular).sum()),
        unmeasured_input=int((is_regular & is_blind).sum()),
        unmeasured_target=int((is_regular & ~is_blind & is_open).sum()),
    )
    if not len(kept):
        raise DataError(
            f"{series.name} has no window that can be scored: {metadata.architecture} needs "
            f"{metadata.history + spec.span:,} rows without a hole, and the cells that it reads "
            "measured; found "
            f"{len(climate):,} rows, {left_out_text(left_out) or 'which is too few'}"
        )
    target = climate.columns[metadata.target].astype(np.float32)
    features = normalised_features(metadata, climate.columns, climate.timestamps)
    features = phase_major(features, spec.sampling_rate)
    runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
    index = WindowIndex(range(int(run[0]), int(run[-1]) + 1) for run in runs)
    return SeriesWindows(features, target, spec, index), left_out


def left_out_text(left_out: LeftOut) -> str:
    """The windows that are not scored, in words; "" if there are none."""
    reasons = {
        "across a hole or an irregular step": left_out.irregular,
        "with an input that was not measured": left_out.unmeasured_input,
        "with a target that was not measured": left_out.unmeasured_target,
    }
    parts = [f"{count:,} {reason}" for reason, count in reasons.items() if count]
    return f"windows left out: {', '.join(parts)}" if parts else ""


def likeness(series: Series, metadata: ModelMetadata) -> dict[str, ColumnLikeness]:
    """Compare the measured cells of each measurement that the model reads with the train rows.

    Every column must have one, which `scorable_windows` makes sure of.
    """
    cells = _unmeasured(series, metadata)
    columns, kinds = (series.findings[name].to_numpy() for name in ("column", "kind"))
    found = {}
    # The moments of the features, which come last, are left over.
    moments = zip(metadata.measurements, metadata.mean, metadata.std, strict=False)
    for name, mean, std in moments:
        values = (series.climate.columns[name][~cells[name]] - mean) / std
        counts = {kind: int(((columns == name) & (kinds == kind)).sum()) for kind in KINDS}
        found[name] = ColumnLikeness(
            min=float(values.min()),
            mean=float(values.mean()),
            max=float(values.max()),
            spread=float(values.std()),
            **counts,
        )
    return found


def _unmeasured(series: Series, metadata: ModelMetadata) -> dict[str, np.ndarray]:
    """For each measurement that the model reads, in which rows there is none: bool (rows,)."""
    rows, columns = (series.findings[name].to_numpy() for name in ("row", "column"))
    cells = {}
    for name in metadata.measurements:
        cells[name] = np.zeros(len(series.climate), dtype=bool)
        cells[name][rows[columns == name]] = True
    return cells


def _check_step(series: Series, metadata: ModelMetadata) -> None:
    step = commonest_step(series.climate.timestamps)
    seconds = None if step is None else int(step / np.timedelta64(1, "s"))
    if seconds != metadata.step_seconds:
        raise DataError(
            f"the rows of {series.name} are {seconds} seconds apart, those that "
            f"{metadata.architecture} was trained on {metadata.step_seconds}; name an export with "
            "a row as often"
        )
