"""Reads the rows of many windows at once.

A `WindowReader` knows nothing of splits and batches: it is given the rows at which windows start
and returns what those windows hold. Arrays in memory and memory maps of any size are read in the
same way. What is read from a map stays in the kernel's page cache: it shows as resident memory of
the process (RssFile), and the kernel takes it back when memory is short.
"""

from __future__ import annotations

import math
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.errors import WindowError

TENSOR_ALIGNMENT = 64  # bytes; TensorFlow copies an array that starts anywhere else


class WindowReader:
    """Reads the rows `start + steps` for many starts at once.

    Args:
        array: (rows, ...) with rows in time order, or phase-major (phases, rows per phase, ...).
        steps: the offsets a window reads, int64 (length,); or a single offset, ().
        phases: the number of phases of a phase-major array, in which rows s, s + phases,
            s + 2 phases, ... lie side by side. A window sampled at that rate is then one block of
            memory. Needs steps that are multiples of `phases`.

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
        """Read the windows that start at rows `starts`, int64 (windows,).

        Returns:
            (windows, *shape), a new array. TensorFlow can take over its memory without a copy.

        Raises:
            WindowError: a window reaches beyond the array, or the file behind a memory map was cut
                short since it was mapped.
        """
        self._check_file()
        self._check_reach(starts)
        first = starts % self._phases * self._rows_per_phase + starts // self._phases
        places = np.add.outer(first, self._places_of_steps)
        if not (self._rows.flags.c_contiguous and self._rows.flags.aligned):
            # `take` would begin by copying the whole array.
            scattered: np.ndarray = self._rows[places]
            return scattered
        out = _aligned_empty((len(starts), *self.shape), self.dtype)
        # The reach is checked: "raise", the default mode, would read into a buffer first.
        return self._rows.take(places, axis=0, out=out, mode="clip")

    def _check_reach(self, starts: np.ndarray) -> None:
        first, last = int(starts.min() + self._steps.min()), int(starts.max() + self._steps.max())
        rows = self._phases * self._rows_per_phase
        if first < 0 or last >= rows:
            raise WindowError(f"windows read rows {first} to {last}, the array has {rows} rows")

    def _check_file(self) -> None:
        """Refuse a map whose file ends before it: reading there would kill the process."""
        if self._memmap is None:
            return
        # The map's own handle knows the file, even if it was renamed, replaced or deleted since.
        mapped = self._memmap._mmap  # noqa: SLF001  NumPy offers no other way
        start = self._memmap.offset - self._memmap.offset % mmap.ALLOCATIONGRANULARITY
        needed, found = start + len(mapped), mapped.size()
        if found < needed:
            raise WindowError(
                f"{Path(self._memmap.filename or 'the file').name} has {found:,} bytes, its memory "
                f"map needs {needed:,}: the file was cut short after it was mapped; write it anew "
                "and load it again"
            )


def _memmap_behind(array: Any) -> Any:
    """The memory map that `array` is a view of, or None."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base if isinstance(array, np.ndarray) else None
    found: Any = array  # NumPy's types do not know of _mmap
    # A copy of a memmap is still of that class, but has no map.
    return None if found is None or found._mmap is None else found  # noqa: SLF001


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An uninitialised array that starts at a multiple of TENSOR_ALIGNMENT."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + TENSOR_ALIGNMENT, dtype=np.uint8)
    offset = -memory.ctypes.data % TENSOR_ALIGNMENT
    return memory[offset : offset + size].view(dtype).reshape(shape)


def phase_major(rows: np.ndarray, phases: int) -> np.ndarray:
    """Lay (rows, ...) out as (phases, rows / phases rounded up, ...) for a WindowReader.

    Row s stands at [s % phases, s // phases]. The cells left over at the end are NaN, and no
    window reads them.
    """
    per_phase = -(-len(rows) // phases)
    out = np.full((phases, per_phase, *rows.shape[1:]), np.nan, dtype=rows.dtype)
    for phase in range(phases):
        part = rows[phase::phases]
        out[phase, : len(part)] = part
    return out
