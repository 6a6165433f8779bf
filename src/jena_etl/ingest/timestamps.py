"""The clock of a series: its step, holes, irregular steps and repeated timestamps."""

from __future__ import annotations

from typing import Any

import numpy as np

from jena_etl.windows.grid import commonest_step

SHOWN = 10  # of each kind of gap, the longest are listed and the rest counted


def timestamp_card(timestamps: np.ndarray) -> dict[str, Any]:
    """Step, holes, irregular steps and repeats of the timestamps, datetime64[s] of shape (rows,).

    A repeat is a row whose timestamp an earlier row has. The other rows are in time order, and each
    difference between neighbours is one of three: the step, which is the commonest; a hole, two
    steps or more, so that at least one row is missing; or irregular, any other.

    Each has its `rows`: the repeats, and the rows that holes and irregular steps follow.
    """
    distinct, first_rows = np.unique(timestamps, return_index=True)
    repeats = np.setdiff1d(np.arange(len(timestamps)), first_rows, assume_unique=True)
    seconds = np.diff(distinct).astype(np.int64)
    commonest = commonest_step(distinct)
    step = 0 if commonest is None else int(commonest.astype("timedelta64[s]").astype(int))
    others: list[dict[str, Any]] = [
        {"row": int(first_rows[at]), "after": str(distinct[at]), "seconds": int(seconds[at])}
        for at in np.flatnonzero(seconds != step)
    ]
    holes = [
        {**other, "rows_missing": round(other["seconds"] / step) - 1}
        for other in others
        if other["seconds"] >= 2 * step
    ]
    return {
        "step_seconds": step or None,
        "holes": _listed(holes),
        "irregular": _listed([other for other in others if other["seconds"] < 2 * step]),
        "repeats": {
            "count": len(repeats),
            "first": str(timestamps[repeats[0]]) if len(repeats) else None,
            "last": str(timestamps[repeats[-1]]) if len(repeats) else None,
            "rows": repeats,
        },
    }


def _listed(found: list[dict[str, Any]]) -> dict[str, Any]:
    rows = np.array([gap["row"] for gap in found], dtype=np.int64)
    longest = sorted(found, key=lambda gap: -gap["seconds"])[:SHOWN]
    return {"count": len(found), "longest": longest, "rows": rows}
