"""What becomes of rows logged twice; each is counted."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from jena_etl.errors import DataError
from jena_etl.ingest.lines import Lines, first_marked
from jena_etl.ingest.source import RepeatedTimestamps


class Repeats:
    """Rows whose timestamp an earlier row has: found, counted, and removed where that is wanted.

    A logger that sends its memory twice repeats a block of rows; a clock set back in autumn
    repeats an hour with other values. Any earlier row may be repeated, so of each row 16 bytes
    are remembered: its timestamp and a hash of its values.

    Args:
        on_duplicate: keep, first (of the whole series) or error.
        lines: for messages.
    """

    def __init__(self, on_duplicate: str, lines: Lines) -> None:
        self._on_duplicate, self._lines = on_duplicate, lines
        self._timestamps: list[np.ndarray] = []  # milliseconds; one array a block, as read
        self._hashes: list[np.ndarray] = []
        self._starts = [0]  # the first row of each block and of the next one
        self._latest = (np.iinfo(np.int64).min, -1)  # timestamp and row
        self._again: list[np.ndarray] = []  # rows
        self._differing = 0

    @property
    def are_kept(self) -> bool:
        """Whether the series has repeats and keeps them."""
        return bool(self._again) and self._on_duplicate == "keep"

    @property
    def timestamps(self) -> np.ndarray:
        """The timestamps of all rows kept so far, datetime64[ms] of shape (rows,)."""
        together = np.concatenate(self._timestamps).view("datetime64[ms]")
        if self._again and self._on_duplicate == "first":
            return np.delete(together, np.concatenate(self._again))
        return together

    def keep(self, block: pl.DataFrame) -> np.ndarray:
        """Which rows of the next block stay in the series, bool (rows,).

        Args:
            block: timestamps, then numbers; a missing cell is null.

        Raises:
            DataError: a timestamp in the future, one below its predecessor that is not a repeat,
                or a repeat where `on_duplicate` is error.
        """
        timestamps, start = block.to_series(0), self._starts[-1]
        values = timestamps.to_physical().to_numpy()
        rows = np.arange(start, start + len(values))
        self._check_future(timestamps)
        self._timestamps.append(values)
        self._hashes.append(block[:, 1:].hash_rows().to_numpy())
        self._starts.append(start + len(values))
        if values[0] > self._latest[0] and (np.diff(values) > 0).all():
            self._latest = int(values[-1]), int(rows[-1])
            return np.ones(len(rows), bool)
        first, differs = self._first_rows()
        is_repeat = first < rows
        self._check_order(timestamps, is_repeat)
        if self._on_duplicate == "error" and (at := first_marked(is_repeat)) is not None:
            other = " with other values (a clock set back?)" if differs[at] else ""
            raise DataError(
                f"{self._lines.of(start + at)}, column {timestamps.name!r}: {timestamps[at]} "
                f"stands on {self._lines.of(int(first[at]))} already{other}; remove one of the "
                "lines, or set convert.on_duplicate: keep or first"
            )
        if is_repeat.any():
            self._again.append(rows[is_repeat])
            self._differing += int(differs[is_repeat].sum())
        return ~is_repeat if self._on_duplicate == "first" else np.ones(len(rows), bool)

    def summary(self) -> RepeatedTimestamps:
        """How many repeats there are, and from when to when; a differing one has other values."""
        again = np.concatenate(self._again) if self._again else np.arange(0)
        together = np.concatenate(self._timestamps)[again].view("datetime64[ms]")
        return RepeatedTimestamps(
            count=len(again),
            differing=self._differing,
            first=together[0].item().isoformat() if len(again) else None,
            last=together[-1].item().isoformat() if len(again) else None,
            removed=self._on_duplicate == "first" and len(again) > 0,
        )

    def _first_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """For each row of the last block the first row of its timestamp, and if that differs."""
        values = self._timestamps[-1]
        near = [
            block
            for block, others in enumerate(self._timestamps)
            if others.max() >= values.min() and others.min() <= values.max()
        ]
        rows = np.concatenate([np.arange(self._starts[at], self._starts[at + 1]) for at in near])
        timestamps, hashes = (
            np.concatenate([arrays[at] for at in near])
            for arrays in (self._timestamps, self._hashes)
        )
        distinct, first = np.unique(timestamps, return_index=True)
        first = first[np.searchsorted(distinct, values)]
        return rows[first], hashes[first] != self._hashes[-1]

    def _check_future(self, timestamps: pl.Series) -> None:
        tomorrow = datetime.now() + timedelta(days=1)  # noqa: DTZ005  local, as the station's clock
        if (at := first_marked((timestamps > tomorrow).to_numpy())) is not None:
            raise DataError(
                f"{self._lines.of(self._starts[-1] + at)}, column {timestamps.name!r}: "
                f"{timestamps[at]} lies in the future; mend or remove that line, or check "
                "convert.datetime_format and this machine's clock"
            )

    def _check_order(self, timestamps: pl.Series, is_repeat: np.ndarray) -> None:
        """A timestamp may repeat an earlier one (logged twice), but time never runs back."""
        values, start = self._timestamps[-1], self._starts[-2]
        latest = np.maximum.accumulate(np.append(self._latest[0], values))
        if (at := first_marked(~is_repeat & (values < latest[:-1]))) is not None:
            later = self._latest[1]
            if latest[at] > self._latest[0]:
                later = start + int(values[:at].argmax())
            raise DataError(
                f"{self._lines.of(start + at)}, column {timestamps.name!r}: {timestamps[at]} "
                f"comes after {latest[at].view('datetime64[ms]').item()} of "
                f"{self._lines.of(later)} and is not a repeat; sort the lines by time, or the "
                "files in convert.members"
            )
        if latest[-1] > self._latest[0]:
            self._latest = int(latest[-1]), start + int(values.argmax())
