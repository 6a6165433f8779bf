"""What a station's file holds: the data card that `convert` writes and `inspect` shows."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from jena_etl.files import sha256_of
from jena_etl.schema import SYNTHETIC_COMMENT, unit_of

SHOWN = 10  # of each kind of finding, the card lists the largest and counts the rest


def data_card(archive: Path, climate: Path, *, left_out: list[str]) -> dict[str, Any]:
    """Describe the source file and the Parquet file made of it; no path, no clock."""
    table = pq.read_table(climate)
    stamps = table.column(0).to_numpy().astype("datetime64[s]")
    return {
        "source": source_card(archive),
        "rows": len(stamps),
        "first": str(stamps[0]),
        "last": str(stamps[-1]),
        **stamp_card(stamps),
        "columns": {
            name: {
                "unit": unit_of(name),
                "min": float(values.min()),
                "mean": float(values.mean()),
                "max": float(values.max()),
            }
            for name in table.column_names[1:]
            for values in [table.column(name).to_numpy()]
        },
        "left_out": left_out,
    }


def source_card(archive: Path) -> dict[str, Any]:
    """Name, size and digest of the source, and whether `jena-etl synth` wrote it."""
    with zipfile.ZipFile(archive) as opened:
        comment = opened.comment.decode("utf-8", errors="replace")
    return {
        "name": archive.name,
        "bytes": archive.stat().st_size,
        "sha256": sha256_of(archive),
        "synthetic": comment.startswith(SYNTHETIC_COMMENT),
    }


def stamp_card(stamps: np.ndarray) -> dict[str, Any]:
    """Step, holes, irregular steps and repeats of the stamps, datetime64[s] of shape (rows,).

    The step is the commonest difference. A hole is a difference of two steps or more; a repeat
    is a stamp that occurred earlier in the file; any other difference than the step is irregular.
    """
    steps = np.diff(stamps).astype(np.int64)
    values, counts = np.unique(steps[steps > 0], return_counts=True)
    step = int(values[counts.argmax()]) if len(values) else None
    _, first_at = np.unique(stamps, return_index=True)
    repeated = np.ones(len(stamps), dtype=bool)
    repeated[first_at] = False
    at_repeat = np.flatnonzero(repeated)
    holes = np.flatnonzero(steps >= 2 * step) if step else np.array([], dtype=np.int64)
    odd = steps != step
    odd[holes] = False
    irregular = np.flatnonzero(odd & ~repeated[1:])
    return {
        "step_seconds": step,
        "holes": _listed(
            [
                {
                    "after": str(stamps[row]),
                    "seconds": int(steps[row]),
                    "rows_missing": round(int(steps[row]) / step) - 1 if step else 0,
                }
                for row in holes
            ]
        ),
        "repeats": {
            "count": len(at_repeat),
            "first": str(stamps[at_repeat[0]]) if len(at_repeat) else None,
            "last": str(stamps[at_repeat[-1]]) if len(at_repeat) else None,
        },
        "irregular": _listed(
            [{"after": str(stamps[row]), "seconds": int(steps[row])} for row in irregular]
        ),
    }


def _listed(found: list[dict[str, Any]]) -> dict[str, Any]:
    longest = sorted(found, key=lambda item: -item["seconds"])[:SHOWN]
    return {"count": len(found), "longest": longest}
