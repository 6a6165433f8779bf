"""The data card: what a station's files hold and what is wrong with them, split by split."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from jena_etl.ingest.jena import FORMULAS, RANGES
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.prepare.splits import preset_windows
from jena_etl.windows.index import SPLITS, WindowIndex
from jena_etl.windows.spec import WindowSpec


class CellMarks:
    """Which cells of climate.parquet were sentinels or missing, from findings.parquet."""

    def __init__(self, findings: Path) -> None:
        table = pq.read_table(findings)
        self._row = table.column("row").to_numpy()
        self._column = np.array(table.column("column").to_pylist(), dtype=object)
        self._kind = np.array(table.column("kind").to_pylist(), dtype=object)
        self._filled = table.column("filled").to_numpy()

    def rows(self, column: str, *, filled: bool = False) -> np.ndarray:
        """Rows marked in `column`, ascending; only those filled, if asked for."""
        chosen = self._column == column
        rows: np.ndarray = self._row[chosen & self._filled if filled else chosen]
        return np.sort(rows)

    def groups(self) -> Iterator[tuple[str, str, bool, np.ndarray]]:
        """Kind, column, whether filled, and the rows."""
        whole = zip(self._kind, self._column, self._filled.tolist(), strict=True)
        for kind, column, filled in dict.fromkeys(whole):
            chosen = (self._kind == kind) & (self._column == column) & (self._filled == filled)
            yield kind, column, filled, self._row[chosen]


def data_card(
    climate: Path,
    findings: Path,
    source: dict[str, Any],
    splits: dict[str, Any],
    *,
    train: float,
    validation: float,
) -> dict[str, Any]:
    """Describe what was converted; no path, no clock.

    Means are summed exactly (math.fsum), so the card is the same on every processor.

    Args:
        climate: the Parquet file of the series.
        findings: the Parquet file of its sentinels and missing cells.
        source: the content of source.json.
        splits: the content of splits.json.
        train: fraction of the rows.
        validation: fraction of the rows.
    """
    table = pq.read_table(climate)
    timestamps = table.column(0).to_numpy().astype("datetime64[s]")
    values = {name: table.column(name).to_numpy() for name in table.column_names[1:]}
    marks = CellMarks(findings)
    by_split = _Split(splits)
    spec, target = WindowSpec(**splits["window"]), splits["target"]
    return {
        "source": {key: source[key] for key in ("name", "synthetic", "files", "members")},
        "rows_read": source["rows_read"],
        "rows": len(timestamps),
        "first": str(timestamps[0]),
        "last": str(timestamps.max()),  # the last row may be a repeat
        **_timestamps(timestamps, source["repeats"], by_split),
        "columns": {
            name: {
                "unit": source["units"][name],
                "min": float(column.min()),
                "mean": math.fsum(column) / len(column),
                "max": float(column.max()),
            }
            for name, column in values.items()
        },
        "constant": [name for name, column in values.items() if column.min() == column.max()],
        "left_out": source["left_out"],
        "findings": [
            {
                "kind": kind,
                "column": column,
                "cells": len(rows),
                "filled": filled,
                "first": str(timestamps[rows].min()),
                "last": str(timestamps[rows].max()),
                "splits": by_split.touched(rows, spec, is_target=column == target),
            }
            for kind, column, filled, rows in marks.groups()
        ],
        "target_filled": {name: splits["splits"][name]["left_out"] for name in SPLITS},
        "physics": [
            {
                **doubt,
                "cells": len(rows),
                "first": str(timestamps[rows[0]]),
                "splits": by_split.counts(rows),
            }
            for doubt, rows in _physics(values, marks)
        ],
        "presets": preset_windows(
            timestamps,
            source["rows_read"],
            marks.rows(target),
            train=train,
            validation=validation,
            spec=spec,
        ),
    }


class _Split:
    """Counts rows, and the windows that read them, by split."""

    def __init__(self, splits: dict[str, Any]) -> None:
        self._rows = splits["rows"]
        self._ends = [splits["splits"][name]["rows"][1] for name in SPLITS]
        self._starts = {}
        for name in SPLITS:
            index = WindowIndex.from_lists(splits["splits"][name]["starts"])
            self._starts[name] = index.starts(np.arange(len(index)))

    def of(self, row: int) -> str:
        return SPLITS[int(np.searchsorted(self._ends, row, side="right"))]

    def counts(self, rows: np.ndarray) -> dict[str, int]:
        inside = np.searchsorted(np.sort(rows), [0, *self._ends])
        return dict(zip(SPLITS, np.diff(inside).tolist(), strict=True))

    def touched(self, rows: np.ndarray, spec: WindowSpec, *, is_target: bool) -> dict[str, Any]:
        """Per split the cells at `rows`, and its windows that read one of them."""
        marked = np.zeros(self._rows, dtype=bool)
        marked[rows] = True
        cells = self.counts(rows)
        return {
            name: {
                "cells": cells[name],
                "windows": int(np.count_nonzero(reads(marked, starts, spec, is_target=is_target))),
            }
            for name, starts in self._starts.items()
        }


def reads(
    marked: np.ndarray, starts: np.ndarray, spec: WindowSpec, *, is_target: bool
) -> np.ndarray:
    """Whether each window reads a marked row, bool (windows,).

    The rows of one phase of the sampling rate are summed up once; a window's share of them is
    then a difference, whatever its length.

    Args:
        marked: bool (rows,).
        starts: the windows' start rows, int64 (windows,).
        spec: the window.
        is_target: whether its target row counts, beside its inputs.
    """
    rate = spec.sampling_rate
    phases = -(-len(marked) // rate)
    before = np.zeros((phases + 1, rate), dtype=np.int64)  # marked rows above, in the same phase
    padded = np.zeros(phases * rate, dtype=bool)
    padded[: len(marked)] = marked
    np.cumsum(padded.reshape(phases, rate), axis=0, out=before[1:])
    flat = before.ravel()
    read: np.ndarray = flat[starts + spec.sequence_length * rate] > flat[starts]
    return read | marked[starts + spec.target] if is_target else read


def _timestamps(
    timestamps: np.ndarray, repeats: dict[str, Any], by_split: _Split
) -> dict[str, Any]:
    """The timestamp card with splits in the place of rows, and the repeats as they were read."""
    card = timestamp_card(timestamps)
    for kind in ("holes", "irregular"):
        found = card[kind]
        found["splits"] = by_split.counts(found.pop("rows"))
        found["longest"] = [
            {**{key: item[key] for key in item if key != "row"}, "split": by_split.of(item["row"])}
            for item in found["longest"]
        ]
    card["repeats"] = {**repeats, "splits": by_split.counts(card["repeats"]["rows"])}
    return card


def _physics(
    values: dict[str, np.ndarray], marks: CellMarks
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """What is implausible, and its rows; cells that were never measured are no news here."""
    known = {}
    for name, column in values.items():
        known[name] = np.ones(len(column), dtype=bool)
        known[name][marks.rows(name)] = False
    for name, column in values.items():
        if name in RANGES:
            low, high = RANGES[name]
            outside = (column < low) | (column > high)
            rows = np.flatnonzero(outside & known[name])
            if len(rows):
                expected = f"{low:g} to {high:g}"
                yield {"check": "range", "column": name, "expected": expected}, rows
    for formula in FORMULAS:
        names = (formula.column, *formula.inputs)
        if values.keys() >= set(names):
            sound = np.flatnonzero(np.logical_and.reduce([known[name] for name in names]))
            recorded, *inputs = (values[name][sound] for name in names)
            with np.errstate(all="ignore"):  # absurd inputs: the range check has named them
                rows = sound[formula.excess(recorded, inputs) > 0]
            if len(rows):
                yield (
                    {
                        "check": "formula",
                        "column": formula.column,
                        "expected": formula.words,
                    },
                    rows,
                )


def render_card(card: dict[str, Any]) -> str:
    """What is wrong with the data in each split, a line each; for the stage's output."""
    lines = [
        f"{kind} in {split}: {count:,}"
        for kind in ("holes", "irregular")
        for split, count in card[kind]["splits"].items()
        if count
    ]
    lines += [
        f"{item['column']} in {split}: {item['kind']} cells {figures['cells']:,}, "
        f"{'filled' if item['filled'] else 'KEPT'}; {figures['windows']:,} windows read them"
        for item in card["findings"]
        for split, figures in item["splits"].items()
        if figures["cells"]
    ]
    lines += [
        f"windows left out of {split}, their target was filled: {count:,}"
        for split, count in card["target_filled"].items()
        if count
    ]
    if card["physics"]:
        names = dict.fromkeys(item["column"] for item in card["physics"])
        lines.append(f"values in doubt in {', '.join(names)}: jena-etl inspect")
    return "".join(f"{line}\n" for line in lines)
