"""Which cells of the series hold no measurement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from jena_etl.files import read_parquet


class CellMarks:
    """Knows from findings.parquet which cells of climate.parquet hold no measurement.

    Attributes:
        cells: the row, column and kind of each of them, and whether it was filled.
    """

    def __init__(self, findings: Path) -> None:
        columns = ("row", "column", "kind", "filled")
        self.cells = pl.DataFrame(read_parquet(findings, built_by="convert", columns=columns))

    def rows(self, column: str, *, filled: bool = False) -> np.ndarray:
        """The rows marked in `column`, ascending; with `filled`, only those that were filled."""
        cells = self.cells.filter(column=column)
        return (cells.filter("filled") if filled else cells)["row"].sort().to_numpy()

    def measured(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The columns, with NaN in the cells that hold no measurement."""
        measured = {}
        for name, values in columns.items():
            measured[name] = values.copy()
            measured[name][self.rows(name)] = np.nan
        return measured
