"""What a station's file holds: the data card that `convert` writes and `inspect` shows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from jena_etl.etl.sources import source_card
from jena_etl.schema import unit_of

SHOWN = 10  # of each kind of finding, the card lists the largest and counts the rest


def data_card(archive: Path, climate: Path, *, left_out: list[str]) -> dict[str, Any]:
    """Describe the source file and the Parquet file made of it; no path, no clock.

    Means are summed exactly (math.fsum), so the card is the same on every processor.
    """
    table = pq.read_table(climate)
    stamps = table.column(0).to_numpy().astype("datetime64[s]")
    return {
        "source": source_card(archive),
        "rows": len(stamps),
        "first": str(stamps[0]),
        "last": str(stamps.max()),  # the last row may be a repeat
        **stamp_card(stamps),
        "columns": {
            name: {
                "unit": unit_of(name),
                "min": float(values.min()),
                "mean": math.fsum(values) / len(values),
                "max": float(values.max()),
            }
            for name in table.column_names[1:]
            for values in [table.column(name).to_numpy()]
        },
        "left_out": left_out,
    }


def stamp_card(stamps: np.ndarray) -> dict[str, Any]:
    """Step, holes, irregular steps and repeats of the stamps, datetime64[s] of shape (rows,).

    A repeat is a row whose stamp an earlier row has. The other rows are in time order, and each
    difference between neighbours is one of three: the step, which is the commonest; a hole, two
    steps or more, so that at least one row is missing; or irregular, any other.
    """
    distinct, first_rows = np.unique(stamps, return_index=True)
    repeats = np.delete(stamps, first_rows)
    seconds = np.diff(distinct).astype(np.int64)
    values, counts = np.unique(seconds, return_counts=True)
    step = int(values[counts.argmax()]) if len(values) else 0
    others: list[dict[str, Any]] = [
        {"after": str(distinct[at]), "seconds": int(seconds[at])}
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
        "repeats": {
            "count": len(repeats),
            "first": str(repeats[0]) if len(repeats) else None,
            "last": str(repeats[-1]) if len(repeats) else None,
        },
        "irregular": _listed([other for other in others if other["seconds"] < 2 * step]),
    }


def _listed(found: list[dict[str, Any]]) -> dict[str, Any]:
    longest = sorted(found, key=lambda gap: -gap["seconds"])[:SHOWN]
    return {"count": len(found), "longest": longest}
