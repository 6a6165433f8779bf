"""Decides which rows and windows belong to train, validation and test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jena_etl.errors import DataError, ProjectError
from jena_etl.params import Params, Window
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import (
    BySplit,
    Choice,
    Counts,
    SplitRange,
    Splits,
    Statistics,
    WindowShape,
)
from jena_etl.prepare.row_ranges import RowRanges, SplitDates, split_rows
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.index import SPLITS, WindowIndex
from jena_etl.windows.policies import POLICIES, split_windows
from jena_etl.windows.spec import WindowSpec


def series_splits(
    climate: Climate, statistics: Statistics, params: Params, marks: CellMarks
) -> Splits:
    """The rows, dates and windows of each split, as `params` ask for them.

    Raises:
        ProjectError, DataError: as of `describe_splits`.
    """
    return describe_splits(
        climate,
        statistics,
        split_rows(params.split),
        policy=params.split.policy,
        window=params.window,
        filled_targets=marks.rows(params.window.target, filled=True),
    )


def describe_splits(
    climate: Climate,
    statistics: Statistics,
    ranges_of: RowRanges,
    *,
    policy: str,
    window: Window,
    filled_targets: np.ndarray,
) -> Splits:
    """The rows, dates and windows of each split.

    Args:
        climate: the series.
        statistics: the statistics of its train rows.
        ranges_of: which rows belong to which split.
        policy: the rule for which windows belong to a split; see `jena_etl.windows.policies`.
        window: what a window reads and forecasts. Its `gaps` says whether windows across a hole or
            a repeated timestamp are left out (drop) or not (keep).
        filled_targets: rows whose target cell was filled, ascending; no window may forecast them.

    Raises:
        ProjectError: the statistics belong to another series or to other rows than the train
            split's.
        DataError: a split holds no window.
    """
    rows, timestamps, back = len(climate), climate.timestamps, climate.history
    ranges = ranges_of.row_ranges(timestamps)
    train = ranges["train"]
    if statistics.rows != train:
        raise ProjectError(
            f"statistics.json was computed from rows [{statistics.rows.start}, "
            f"{statistics.rows.stop}], the train split is [{train.start}, {train.stop}]; "
            "build it again: dvc repro statistics"
        )
    statistics.check_series(list(climate.columns), climate.sha256)
    spec = WindowSpec(**window.model_dump(exclude={"target", "gaps"}))
    segments = {"keep": None, "drop": segments_from_timestamps(timestamps)}

    def windows_under(
        policy: str, gaps: str, excluded: np.ndarray | None = filled_targets
    ) -> dict[str, WindowIndex]:
        return split_windows(
            ranges, rows, spec, policy, segments[gaps], excluded=excluded, history=back
        )

    windows = windows_under(policy, window.gaps)
    with_filled = windows_under(policy, window.gaps, excluded=None)
    for name in SPLITS:
        if not windows[name]:
            filled = len(with_filled[name])
            all_filled = f"; all {filled:,} that fit have a {window.target} that was filled in"
            raise DataError(
                f"the {name} split, {len(ranges[name]):,} of {rows:,} rows, holds no "
                f"window under policy {policy}, gaps {window.gaps}: a window's inputs span "
                f"{spec.last_input + 1:,} rows, its target lies {spec.target:,} rows after its "
                + (f"start, its features reach {back:,} rows back; " if back else "start; ")
                + "use a longer file, "
                + ("other split.dates, " if isinstance(ranges_of, SplitDates) else "")
                + "or a lower window.sequence_length or horizon"
                + (all_filled if filled else "")
            )
    return Splits(
        climate_sha256=climate.sha256,
        rows=rows,
        policy=policy,
        gaps=window.gaps,
        target=window.target,
        window=WindowShape(**vars(spec)),
        splits=BySplit[SplitRange](
            **{
                name: SplitRange(
                    rows=ranges[name],
                    first=str(timestamps[ranges[name].start]),
                    last=str(timestamps[ranges[name].stop - 1]),
                    windows=len(windows[name]),
                    left_out=len(with_filled[name]) - len(windows[name]),
                    starts=windows[name].runs,
                )
                for name in SPLITS
            }
        ),
        choices=tuple(
            Choice(policy=policy, gaps=gaps, windows=window_counts(windows_under(policy, gaps)))
            for policy in POLICIES
            for gaps in segments
        ),
    )


def window_counts(windows: Mapping[str, WindowIndex]) -> Counts:
    """How many windows each split holds."""
    return Counts(**{name: len(index) for name, index in windows.items()})
