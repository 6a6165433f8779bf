"""Cuts the series into folds: each is trained on what lies before an origin and scored after it.

The rows of a fold follow each other without a hole: train, validation, test. The first test row is
the first one at or after the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jena_etl.errors import DataError
from jena_etl.params import Window
from jena_etl.params_rolling_origin import RollingOrigin
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import BySplit, SplitRange, Splits, Statistics
from jena_etl.prepare.row_ranges import first_row_at
from jena_etl.prepare.splits import describe_splits
from jena_etl.windows.spec import WindowSpec


@dataclass(frozen=True, kw_only=True)
class FoldRows:
    """The rows of a fold, counted in the whole series."""

    train: range
    validation: range
    test: range

    @property
    def span(self) -> range:
        """From the first train row to the last test row."""
        return range(self.train.start, self.test.stop)

    def inside(self, rows: np.ndarray) -> np.ndarray:
        """Those of these rows of the whole series that lie in the fold, counted in the fold."""
        first, stop = np.searchsorted(rows, [self.span.start, self.span.stop])
        return np.asarray(rows[first:stop] - self.span.start)

    def row_ranges(self, _: np.ndarray) -> dict[str, range]:
        """The row range of each split, counted from the first train row."""
        first = self.train.start
        return {
            name: range(rows.start - first, rows.stop - first) for name, rows in vars(self).items()
        }


def fold_rows(timestamps: np.ndarray, origin: str, settings: RollingOrigin) -> FoldRows:
    """The rows of the fold whose test rows begin at `origin`, a time in ISO 8601.

    `timestamps` are those of the whole series.

    Raises:
        DataError: the series does not reach far enough to one side of the origin.
    """
    test = first_row_at(timestamps, origin)
    stop, validation = test + settings.test_rows, test - settings.validation_rows
    first = max(0, validation - settings.train_rows) if settings.train_rows else 0
    if stop > len(timestamps) or validation <= first:
        raise DataError(
            f"rolling_origin: {test:,} rows lie before the origin {origin} and "
            f"{len(timestamps) - test:,} from it on; expected more than "
            f"{settings.validation_rows:,} (validation_rows) and at least {settings.test_rows:,} "
            "(test_rows); take another origin, or fewer rows"
        )
    return FoldRows(
        train=range(first, validation),
        validation=range(validation, test),
        test=range(test, stop),
    )


def cut(climate: Climate, rows: range) -> Climate:
    """The rows of a series as a series of its own."""
    part = slice(rows.start, rows.stop)
    return Climate(
        climate.timestamps[part],
        {name: values[part] for name, values in climate.columns.items()},
        climate.features,
    )


def describe_fold(
    climate: Climate,
    statistics: Statistics,
    rows: FoldRows,
    *,
    policy: str,
    window: Window,
    gap: int,
    filled_targets: np.ndarray,
) -> Splits:
    """The windows of a fold, none of which learns what is not known when the first is scored.

    Whatever the policy, train and validation windows are left out if their target lies less than
    `gap` rows before the last input of the first test window, or after it. So with a gap of 0 the
    latest label is the observation at the time at which the first scored forecast is issued.
    `choices` and `left_out` count windows as they are without this gap.

    `climate` holds the rows of the fold alone, as a series of its own, and `filled_targets` counts
    from its first row. The other arguments are those of `describe_splits`.

    Raises:
        DataError: train, validation or test is left with no window.
    """
    splits = describe_splits(
        climate, statistics, rows, policy=policy, window=window, filled_targets=filled_targets
    )
    spec, parts = WindowSpec(**splits.window.model_dump()), splits.splits
    latest = parts.test.starts[0][0] + spec.last_input - gap
    train, validation = (
        _labels_up_to(latest, one, spec) for one in (parts.train, parts.validation)
    )
    if not (train.windows and validation.windows):
        raise DataError(
            f"rolling_origin: no window is left whose target lies {gap:,} rows (gap) before the "
            "first scored forecast is issued, or earlier; use more validation_rows or a smaller gap"
        )
    cut_parts = BySplit[SplitRange](train=train, validation=validation, test=parts.test)
    return splits.model_copy(update={"splits": cut_parts})


def _labels_up_to(latest: int, split: SplitRange, spec: WindowSpec) -> SplitRange:
    """The split without the windows whose target lies after row `latest`."""
    stop = latest - spec.target + 1
    runs = (range(run.start, min(run.stop, stop), run.step) for run in split.starts)
    starts = tuple(run for run in runs if run)
    return split.model_copy(update={"starts": starts, "windows": sum(map(len, starts))})
