"""Where a row stands in the source, for messages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np


class Lines:
    """Which line of which file a row was read from, given each file's name and number of rows.

    >>> lines = Lines([("a.csv", 3), ("b.csv", 5)])
    >>> lines.of(2), lines.of(3)
    ('a.csv, line 4', 'b.csv, line 2')
    """

    def __init__(self, files: Iterable[tuple[str, int]] = ()) -> None:
        self._names: list[str] = []
        self._starts: list[int] = []
        row = 0
        for name, rows in files:
            self.begin(name, row)
            row += rows

    def begin(self, name: str, row: int) -> None:
        """Row `row` is the first one of a file."""
        self._names.append(name)
        self._starts.append(row)

    def of(self, row: int) -> str:
        """`file, line`, as an editor counts."""
        file = bisect_right(self._starts, row) - 1
        return f"{self._names[file]}, line {row - self._starts[file] + 2}"


def first_marked(marks: np.ndarray) -> int | None:
    """The first place where the bools are true."""
    return int(marks.argmax()) if marks.any() else None
