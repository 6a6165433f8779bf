"""Reads the rows of many windows at once.

A `WindowReader` knows nothing about splits and batches: it is given the rows at which windows start
and returns what those windows hold. It reads arrays in memory and memory maps of any size in the
same way. What it has read from a map stays in the kernel's page cache: it counts as resident memory
of the process (RssFile), but the kernel reclaims it when memory is short.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from jena_etl.errors import WindowError

TENSOR_ALIGNMENT = 64  # bytes; TensorFlow copies an array whose address is not a multiple of it
PIECE = 128  # windows that are copied at once where they are put among those of other series


class WindowReader:
    """Reads the rows `start + steps` for many starts at once.

    Args:
        array: (rows, ...) with rows in time order, or phase-major (phases, rows per phase, ...).
        steps: the row offsets that a window reads, int64 (length,), or a single one, ().
        phases: the number of phases if the array is phase-major, so that rows s, s + phases,
            s + 2 phases, ... are neighbours in memory and a window sampled at that rate is one
            block. The steps must then be multiples of it.

    Raises:
        WindowError: the file behind a memory map is shorter than the map.
    """

    def __init__(self, array: np.ndarray, steps: np.ndarray, *, phases: int | None = None) -> None:
        self._memmap = _memmap_behind(array)
        array = np.asarray(array)  # a plain array is indexed faster than a memmap
        self._phases = phases or 1
        self._rows_per_phase = array.shape[1] if phases else len(array)
        self._rows = array.reshape(-1, *array.shape[2:]) if phases else array
        self._steps = steps
        self._reach = int(steps.min()), int(steps.max())
        self._places_of_steps = steps // self._phases
        self._check_file()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what one window reads."""
        return (*self._steps.shape, *self._rows.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of what is read."""
        return self._rows.dtype

    def read(self, starts: np.ndarray) -> np.ndarray:
        """Read the windows that start at rows `starts`, int64 (windows,), at least one.

        Returns:
            (windows, *shape): a new array whose memory TensorFlow can take over without a copy.

        Raises:
            WindowError: a window reaches beyond the array, or the file behind a memory map has been
                cut short since it was mapped.
        """
        self._check_file()
        self._check_reach(int(starts.min()), int(starts.max()))
        places = np.add.outer(self._first_places(starts), self._places_of_steps)
        out = _aligned_empty((len(starts), *self.shape), self.dtype)
        if not (self._rows.flags.c_contiguous and self._rows.flags.aligned):
            out[:] = self._rows[places]  # `take` would copy the whole array first
            return out
        # The places are checked above; the default mode, "raise", would go through a buffer.
        windows: np.ndarray = self._rows.take(places, axis=0, out=out, mode="clip")
        return windows

    def read_to(self, out: np.ndarray, places: np.ndarray, starts: np.ndarray) -> None:
        """Read the windows that start at rows `starts` to any places among others.

        The steps must be evenly spaced.

        Args:
            out: where to write the windows, (all windows, *shape).
            places: which of them each window is, int64 (windows,).
            starts: int64 (windows,), at least one, ascending.

        Raises:
            WindowError: as of `read`, or the steps are not evenly spaced.
        """
        self._check_file()
        self._check_reach(int(starts[0]), int(starts[-1]))
        windows, first = self._windows, self._first_places(starts)
        # In pieces that stay in the processor's cache, as each window is copied twice.
        for begin in range(0, len(starts), PIECE):
            piece = slice(begin, begin + PIECE)
            out[places[piece]] = windows[first[piece]]

    def _first_places(self, starts: np.ndarray) -> np.ndarray:
        """Where in the array the rows `starts` are, int64 (windows,)."""
        places: np.ndarray = starts % self._phases * self._rows_per_phase + starts // self._phases
        return places

    @cached_property
    def _windows(self) -> np.ndarray:
        """All windows as a view of the array, by the place of their first step.

        NumPy copies whole windows from it, where `take` copies row by row.
        """
        places = self._places_of_steps
        if not places.ndim:
            return self._rows[int(places) :]
        spacings = set(np.diff(places).tolist()) or {1}
        if len(spacings) > 1:
            raise WindowError(f"the steps must be evenly spaced, found {self._steps.tolist()}")
        low, high, step = int(places.min()), int(places.max()), spacings.pop()
        view = sliding_window_view(self._rows[low:], high - low + 1, axis=0)
        return np.moveaxis(view, -1, 1)[:, ::step]

    def _check_reach(self, first_start: int, last_start: int) -> None:
        first, last = first_start + self._reach[0], last_start + self._reach[1]
        rows = self._phases * self._rows_per_phase
        if first < 0 or last >= rows:
            raise WindowError(f"windows read rows {first} to {last}, but the array has {rows} rows")

    def _check_file(self) -> None:
        """Refuse a map that is longer than its file: reading past the end kills the process."""
        if self._memmap is None:
            return
        # The map's own handle stays right even if the file is renamed, replaced or deleted.
        mapped = self._memmap._mmap  # noqa: SLF001  NumPy offers no other way
        start = self._memmap.offset - self._memmap.offset % mmap.ALLOCATIONGRANULARITY
        needed, found = start + len(mapped), mapped.size()
        if found < needed:
            raise WindowError(
                f"{Path(self._memmap.filename or 'the file').name} has {found:,} bytes, its memory "
                f"map needs {needed:,}: the file was cut short after it was mapped; write the "
                "file again and reload it"
            )


class SeveralReaders:
    """Reads windows of several series, whose rows are counted as if they followed each other.

    Args:
        readers: one for each series, all of the same shape and dtype.
        first_rows: the row at which each series begins, int64 (series,), ascending from 0.
    """

    def __init__(self, readers: Sequence[WindowReader], first_rows: np.ndarray) -> None:
        self._readers, self._first_rows = readers, first_rows.tolist()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what one window reads."""
        return self._readers[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of what is read."""
        return self._readers[0].dtype

    def read(self, starts: np.ndarray) -> np.ndarray:
        """Read the windows that start at rows `starts`, as `WindowReader.read` does.

        Raises:
            WindowError: as of `WindowReader.read`.
        """
        order = np.argsort(starts)
        ordered = starts[order]
        ends = np.searchsorted(ordered, [*self._first_rows[1:], np.iinfo(np.int64).max])
        out = _aligned_empty((len(starts), *self.shape), self.dtype)
        begin = 0
        for reader, row, end in zip(self._readers, self._first_rows, ends.tolist(), strict=True):
            if begin < end:
                reader.read_to(out, order[begin:end], ordered[begin:end] - row)
            begin = end
        return out


def _memmap_behind(array: Any) -> Any:
    """The memory map that `array` is a view of, or None."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base if isinstance(array, np.ndarray) else None
    found: Any = array  # NumPy's types do not declare _mmap
    # A copy of a memmap is of the same class, but has no map.
    return None if found is None or found._mmap is None else found  # noqa: SLF001


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An uninitialised array whose address is a multiple of TENSOR_ALIGNMENT."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + TENSOR_ALIGNMENT, dtype=np.uint8)
    offset = -memory.ctypes.data % TENSOR_ALIGNMENT
    return memory[offset : offset + size].view(dtype).reshape(shape)


def phase_major(rows: np.ndarray, phases: int) -> np.ndarray:
    """Lay (rows, ...) out as (phases, rows / phases rounded up, ...) for a WindowReader.

    Row s is at [s % phases, s // phases]. The places left over at the end are filled with NaN,
    which no window reads.
    """
    per_phase = -(-len(rows) // phases)
    out = np.full((phases, per_phase, *rows.shape[1:]), np.nan, dtype=rows.dtype)
    for phase in range(phases):
        part = rows[phase::phases]
        out[phase, : len(part)] = part
    return out
