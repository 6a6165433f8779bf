"""Which rows belong to train, validation and test, and which windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from jena_etl.errors import DataError, ProjectError
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.index import POLICIES, SPLITS, split_windows
from jena_etl.windows.spec import WindowSpec


def split_rows(rows: int, *, train: float, validation: float) -> dict[str, range]:
    """The three row ranges, in time order; the reference's rounding (down), test gets the rest.

    Statistics and splits both ask here, so they cannot differ.
    """
    ends = (int(train * rows), int(train * rows) + int(validation * rows))
    return {
        "train": range(ends[0]),
        "validation": range(*ends),
        "test": range(ends[1], rows),
    }


def describe_splits(
    timestamps: np.ndarray,
    statistics: dict[str, Any],
    *,
    train: float,
    validation: float,
    policy: str,
    gaps: str,
    target: str,
    spec: WindowSpec,
    filled_targets: np.ndarray,
) -> dict[str, Any]:
    """The content of splits.json: rows, dates and window starts of each split.

    Args:
        timestamps: datetime64[s] of shape (rows,).
        statistics: the content of statistics.json.
        train: fraction of the rows.
        validation: fraction of the rows.
        policy: which windows belong to a split: `jena_etl.windows.index`.
        gaps: drop leaves out windows across a hole or a repeated timestamp, keep does not.
        target: the column that is forecast.
        spec: the window.
        filled_targets: rows whose target cell was filled in, ascending; no window is scored there.

    Raises:
        ProjectError: the statistics come from other rows than the train split's.
        DataError: a split holds no window.
    """
    ranges = split_rows(len(timestamps), train=train, validation=validation)
    if statistics["rows"] != [ranges["train"].start, ranges["train"].stop]:
        raise ProjectError(
            f"statistics.json was computed from rows {statistics['rows']}, the train split is "
            f"[0, {ranges['train'].stop}]; build it again: dvc repro statistics"
        )
    segments = {"keep": None, "drop": segments_from_timestamps(timestamps)}
    every = split_windows(ranges, len(timestamps), spec, policy, segments[gaps])
    windows = split_windows(
        ranges, len(timestamps), spec, policy, segments[gaps], excluded=filled_targets
    )
    for name in SPLITS:
        if not len(windows[name]):
            raise DataError(
                f"the {name} split, {len(ranges[name]):,} of {len(timestamps):,} rows, holds no "
                f"window under policy {policy}, gaps {gaps}: a window's inputs span "
                f"{spec.last_input + 1:,} rows, its target lies {spec.target:,} rows after its "
                "start; use a longer file, or a lower window.sequence_length or horizon"
                + _filled(len(every[name]), target)
            )
    return {
        "rows": len(timestamps),
        "policy": policy,
        "gaps": gaps,
        "target": target,
        "window": spec.as_dict(),
        "splits": {
            name: {
                "rows": [ranges[name].start, ranges[name].stop],
                "first": str(timestamps[ranges[name].start]),
                "last": str(timestamps[ranges[name].stop - 1]),
                "windows": len(windows[name]),
                "left_out": len(every[name]) - len(windows[name]),  # their target was filled
                "starts": windows[name].as_lists(),
            }
            for name in SPLITS
        },
        # What each choice of policy and gaps would give.
        "choices": [
            {"policy": each, "gaps": kept, "windows": {name: len(held[name]) for name in SPLITS}}
            for each in POLICIES
            for kept in segments
            for held in [
                split_windows(
                    ranges, len(timestamps), spec, each, segments[kept], excluded=filled_targets
                )
            ]
        ],
    }


def preset_windows(
    timestamps: np.ndarray,
    rows_read: int,
    gap_targets: np.ndarray,
    *,
    train: float,
    validation: float,
    spec: WindowSpec,
) -> dict[str, Any]:
    """Rows, and windows per split, that the presets of params.yaml would give.

    `reference` is what the book does: every row read, every window. `clean` has no repeats, hence
    its own row ranges, drops gaps, follows policy strict and takes no window whose target was not
    measured.

    Args:
        timestamps: datetime64[s] of shape (rows,), as converted.
        rows_read: rows before repeats were removed, if they were.
        gap_targets: rows whose target cell was a sentinel or missing, ascending.
        train: fraction of the rows.
        validation: fraction of the rows.
        spec: the window.
    """
    first = np.sort(np.unique(timestamps, return_index=True)[1])
    once = timestamps[first]
    gaps = np.flatnonzero(np.isin(first, gap_targets))

    def counted(rows: int, policy: str, **how: Any) -> dict[str, Any]:
        ranges = split_rows(rows, train=train, validation=validation)
        windows = split_windows(ranges, rows, spec, policy, **how)
        return {"rows": rows, "windows": {name: len(windows[name]) for name in SPLITS}}

    return {
        "reference": counted(rows_read, "reference"),
        "clean": counted(
            len(once), "strict", segments=segments_from_timestamps(once), excluded=gaps
        ),
    }


def _filled(windows: int, target: str) -> str:
    return f"; all {windows:,} that fit have a {target} that was filled in" if windows else ""
