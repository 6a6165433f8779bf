"""The timestamps of a series: their step, holes, irregular steps and repeats."""

from __future__ import annotations

from typing import Any

import numpy as np

from jena_etl.windows.grid import commonest_step

SHOWN = 10  # how many gaps of each kind are listed, the longest first; the others are counted


def timestamp_card(timestamps: np.ndarray) -> dict[str, Any]:
    """Step, holes, irregular steps and repeats of the timestamps, datetime64[s] of shape (rows,).

    A repeat is a row whose timestamp an earlier row already has. The other rows are in time order,
    and the difference between two neighbours is either the step, which is the commonest difference,
    or a hole, which is two steps or more, so that a row is missing, or else an irregular step.

    The `rows` are those that repeat, or those that follow a hole or an irregular step.
    """
    distinct, first_rows = np.unique(timestamps, return_index=True)
    repeats = np.setdiff1d(np.arange(len(timestamps)), first_rows, assume_unique=True)
    seconds = np.diff(distinct).astype(np.int64)
    commonest = commonest_step(distinct)
    step = 0 if commonest is None else int(commonest.astype("timedelta64[s]").astype(int))
    gaps: list[dict[str, Any]] = [
        {"row": int(first_rows[at]), "after": str(distinct[at]), "seconds": int(seconds[at])}
        for at in np.flatnonzero(seconds != step)
    ]
    holes = [
        {**gap, "rows_missing": round(gap["seconds"] / step) - 1}
        for gap in gaps
        if gap["seconds"] >= 2 * step
    ]
    return {
        "step_seconds": step or None,
        "holes": _listed(holes),
        "irregular": _listed([gap for gap in gaps if gap["seconds"] < 2 * step]),
        "repeats": {
            "count": len(repeats),
            "first": str(timestamps[repeats[0]]) if len(repeats) else None,
            "last": str(timestamps[repeats[-1]]) if len(repeats) else None,
            "rows": repeats,
        },
    }


def _listed(gaps: list[dict[str, Any]]) -> dict[str, Any]:
    rows = np.array([gap["row"] for gap in gaps], dtype=np.int64)
    longest = sorted(gaps, key=lambda gap: -gap["seconds"])[:SHOWN]
    return {"count": len(gaps), "longest": longest, "rows": rows}
