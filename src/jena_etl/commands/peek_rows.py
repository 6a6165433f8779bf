"""Reads a station's file of unknown dialect, up to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jena_etl.errors import DataError
from jena_etl.ingest.archives import open_members
from jena_etl.ingest.csv_reader import LONGEST_LINE, read_csv
from jena_etl.ingest.dialect import DialectGuess, guess_dialect

if TYPE_CHECKING:
    import polars as pl

READ_BYTES = 128 << 20  # the most CSV to read; parsed, it takes a few times as much memory
READ_FILES = 100  # the most files of a zip to read


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was read of a file.

    Attributes:
        guess: how its CSV files are written.
        frame: timestamps, then all numeric columns; a missing cell is null.
        files: the CSV files that were read, each with its number of rows.
        unread: why only part of the file was read; "" if all of it was.
    """

    guess: DialectGuess
    frame: pl.DataFrame
    files: list[tuple[str, int]]
    unread: str


class _Budget:
    """How many bytes may still be read."""

    def __init__(self, left: int) -> None:
        self._left = left
        self.is_spent = False

    def limit(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, up to the end of the line in which the budget is spent."""
        for chunk in chunks:
            if len(chunk) > self._left:
                end = chunk.find(b"\n", max(self._left, 0)) + 1
                if end or self._left < -LONGEST_LINE:
                    self.is_spent = True
                    yield chunk[: end or None]
                    return
            self._left -= len(chunk)
            yield chunk


def read_rows(file: Path, members: list[str], read_bytes: int = READ_BYTES) -> Rows:
    """Read the CSV files `members` as `convert` does, but at most `read_bytes` of them.

    Raises:
        SourceError: the file cannot be unpacked.
        DataError: its first CSV file is not a station's.
    """
    import polars as pl

    with open_members([file], members[:1]) as [(first, chunks)]:
        guess = guess_dialect(first, b"".join(_Budget(read_bytes).limit(chunks)))
    frames: list[pl.DataFrame] = []
    files: list[tuple[str, int]] = []
    unread = ""
    budget = _Budget(read_bytes)
    with open_members([file], members[:READ_FILES]) as opened:
        for name, chunks in opened:
            try:
                _, blocks = read_csv(name, budget.limit(chunks), guess.dialect)
                frame = pl.concat(blocks)
            except DataError as error:
                if not frames:
                    raise
                unread = f"convert will stop at {name}: {error}"
            else:
                frames.append(frame)
                files.append((name, frame.height))
            if budget.is_spent:
                unread = f"peek reads at most {read_bytes >> 20:,} MiB"
            if unread:
                break
        else:
            if len(members) > READ_FILES:
                unread = f"peek reads at most {READ_FILES} files"
    return Rows(guess=guess, frame=pl.concat(frames), files=files, unread=unread)
