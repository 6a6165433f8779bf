"""What becomes of rows logged twice; each is counted."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from jena_etl.errors import DataError
from jena_etl.ingest.lines import Lines, first_marked
from jena_etl.ingest.source import RepeatedTimestamps


class Repeats:
    """Rows whose timestamp an earlier row has: found, counted, and refused or removed if wanted.

    A logger that sends its memory twice repeats a block of rows; a clock set back in autumn
    repeats an hour with other values. Any earlier row may be repeated, so of each row 17 bytes
    are remembered: its timestamp, a hash of its values and whether it is the first of its
    timestamp. The first rows are in time order. `on_duplicate` is keep, first (of the whole
    series) or error.
    """

    def __init__(self, on_duplicate: str, lines: Lines) -> None:
        self._on_duplicate, self._lines = on_duplicate, lines
        self._removes = on_duplicate == "first"
        self._timestamps: list[np.ndarray] = []  # milliseconds; one array a block, as read
        self._is_first: list[np.ndarray] = []
        self._first_hashes: list[np.ndarray] = []
        self._latest = np.iinfo(np.int64).min
        self._rows = self._count = self._differing = 0

    @property
    def are_kept(self) -> bool:
        """Whether the series has repeats and keeps them."""
        return self._on_duplicate == "keep" and self._count > 0

    @property
    def timestamps(self) -> np.ndarray:
        """The timestamps of all rows kept so far, datetime64[ms] of shape (rows,)."""
        together = np.concatenate(self._timestamps).view("datetime64[ms]")
        return together[np.concatenate(self._is_first)] if self._removes else together

    def keep(self, block: pl.DataFrame) -> np.ndarray:
        """Which rows of the next block stay in the series, bool (rows,).

        A block holds timestamps, then numbers; a missing cell is null.

        Raises:
            DataError: a timestamp in the future, one below its predecessor that is not a repeat,
                or a repeat where `on_duplicate` is error.
        """
        timestamps = block.to_series(0)
        self._check_future(timestamps)
        values = timestamps.to_physical().to_numpy()
        hashes = block[:, 1:].hash_rows().to_numpy()
        latest = np.maximum.accumulate(np.append(self._latest, values))  # above each row
        is_first = values > latest[:-1]
        self._timestamps.append(values)
        self._is_first.append(is_first)
        self._first_hashes.append(hashes[is_first])
        if not is_first.all():
            self._count_repeats(timestamps, hashes, latest)
        self._latest = latest[-1]
        self._rows += len(values)
        return is_first if self._removes else np.ones(len(values), dtype=bool)

    def summary(self) -> RepeatedTimestamps:
        """How many repeats there are, and from when to when; a differing one has other values."""
        repeats = np.concatenate(self._timestamps)[~np.concatenate(self._is_first)]
        again = repeats.view("datetime64[ms]").tolist()
        return RepeatedTimestamps(
            count=self._count,
            differing=self._differing,
            first=again[0].isoformat() if again else None,
            last=again[-1].isoformat() if again else None,
            removed=self._removes and bool(again),
        )

    def _check_future(self, timestamps: pl.Series) -> None:
        tomorrow = datetime.now() + timedelta(days=1)  # noqa: DTZ005  local, as the station's clock
        if (at := first_marked((timestamps > tomorrow).to_numpy())) is not None:
            raise DataError(
                f"{self._lines.of(self._rows + at)}, column {timestamps.name!r}: "
                f"{timestamps[at]} lies in the future; mend or remove that line, or check "
                "convert.datetime_format and this machine's clock"
            )

    def _count_repeats(self, timestamps: pl.Series, hashes: np.ndarray, latest: np.ndarray) -> None:
        """Compare the last block with the first rows of its timestamps.

        A timestamp may repeat an earlier one (logged twice), but time never runs back.
        """
        values, is_first = self._timestamps[-1], np.concatenate(self._is_first)
        firsts = np.concatenate(self._timestamps)[is_first]
        places = np.searchsorted(firsts, values)
        if (at := first_marked(firsts[places] != values)) is not None:
            later = np.flatnonzero(is_first)[np.searchsorted(firsts, latest[at])]
            raise DataError(
                f"{self._lines.of(self._rows + at)}, column {timestamps.name!r}: {timestamps[at]} "
                f"comes after {latest[at].view('datetime64[ms]').item()} of "
                f"{self._lines.of(later)} and is not a repeat; sort the lines by time, or the "
                "files in convert.members"
            )
        is_repeat = ~self._is_first[-1]
        differs = np.concatenate(self._first_hashes)[places] != hashes
        if self._on_duplicate == "error":
            at = int(is_repeat.argmax())
            other = " with other values (a clock set back?)" if differs[at] else ""
            raise DataError(
                f"{self._lines.of(self._rows + at)}, column {timestamps.name!r}: {timestamps[at]} "
                # It is the first repeat, so the rows above it are the first rows.
                f"is already on {self._lines.of(places[at])}{other}; remove one of the "
                "lines, or set convert.on_duplicate: keep or first"
            )
        self._count += int(is_repeat.sum())
        self._differing += int(differs[is_repeat].sum())
