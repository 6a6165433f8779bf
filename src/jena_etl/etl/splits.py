"""Which rows belong to train, validation and test, and which windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from jena_etl.errors import DataError, ProjectError
from jena_etl.windows.index import SPLITS, split_windows
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
    stamps: np.ndarray,
    statistics: dict[str, Any],
    *,
    train: float,
    validation: float,
    policy: str,
    target: str,
    spec: WindowSpec,
) -> dict[str, Any]:
    """The content of splits.json: rows, dates and window starts of each split.

    Args:
        stamps: datetime64[s] of shape (rows,).
        statistics: the content of statistics.json.
        train: fraction of the rows.
        validation: fraction of the rows.
        policy: which windows belong to a split: `jena_etl.windows.index`.
        target: the column that is forecast.
        spec: the window.

    Raises:
        ProjectError: the statistics come from other rows than the train split's.
        DataError: a split holds no window.
    """
    ranges = split_rows(len(stamps), train=train, validation=validation)
    if statistics["rows"] != [ranges["train"].start, ranges["train"].stop]:
        raise ProjectError(
            f"statistics.json was computed from rows {statistics['rows']}, the train split is "
            f"[0, {ranges['train'].stop}]; build it again: dvc repro statistics"
        )
    windows = split_windows(ranges, len(stamps), spec, policy)
    for name in SPLITS:
        if not len(windows[name]):
            raise DataError(
                f"the {name} split, {len(ranges[name]):,} of {len(stamps):,} rows, holds no window "
                f"under policy {policy}: a window's inputs span {spec.last_input + 1:,} rows, its "
                f"target lies {spec.target:,} rows after its start; use a longer file, or lower "
                "window.sequence_length, sampling_rate or horizon"
            )
    return {
        "rows": len(stamps),
        "policy": policy,
        "target": target,
        "window": spec.as_dict(),
        "splits": {
            name: {
                "rows": [ranges[name].start, ranges[name].stop],
                "first": str(stamps[ranges[name].start]),
                "last": str(stamps[ranges[name].stop - 1]),
                "windows": len(windows[name]),
                "starts": windows[name].as_lists(),
            }
            for name in SPLITS
        },
    }
