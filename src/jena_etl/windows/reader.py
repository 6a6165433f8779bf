"""Rows of an array, read for a whole batch of windows at a time.

A `WindowReader` knows nothing of splits and batches: it is given the places where windows begin and
returns what they read. Three ways lead to the bytes, chosen by where they lie:

- NumPy, in memory or on a map: a strided view with one entry per window, indexed by window.
- TensorFlow, likewise: `tf.gather` in the graph, on a tensor that shares a map's memory.
- A map of a file beyond RESIDENT_BYTES: a piece of the file per window, into memory that TensorFlow
  takes over without a copy. Pages touched through a map count as the process' own memory, and the
  kernel may map 2 MB for each window; pages read so do not.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.pieces import PieceReader

RESIDENT_BYTES = 192 << 20  # a file up to this size may become resident whole
ALIGNMENT = 64  # TensorFlow takes memory over without a copy when it starts at such an address


class WindowReader:
    """Reads the rows place + steps for many places at once.

    Args:
        array: (rows, ...) with rows in time order, or phase-major (phases, rows per phase, ...).
        steps: the offsets that a window reads, int64 (length,); or one offset, ().
        phases: of a phase-major array, whose rows s, s + phases, s + 2 phases, ... lie side by
            side, so that a window sampled at that rate is one block of memory. Needs steps that
            are multiples of `phases`.

    Raises:
        WindowError: the file behind a memory map is shorter than the map.
    """

    def __init__(self, array: np.ndarray, steps: np.ndarray, *, phases: int | None = None) -> None:
        self._phases = phases or 1
        self._per_phase = array.shape[1] if phases else len(array)
        self._rows = array.reshape(-1, *array.shape[2:]) if phases else array
        self._steps = steps // self._phases
        memmap = _map_behind(self._rows)
        if memmap is not None:
            _check_length(memmap)
        self._is_large = memmap is not None and self._rows.nbytes > RESIDENT_BYTES
        in_file = self._is_large and _is_as_in_file(self._rows, memmap)
        self._file = _MappedFile(self._rows, memmap) if in_file else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what one window reads."""
        return (*self._steps.shape, *self._rows.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is read."""
        return self._rows.dtype

    @property
    def is_large(self) -> bool:
        """Whether the rows are those of a file that must not become resident."""
        return self._is_large

    def place(self, starts: np.ndarray) -> np.ndarray:
        """Where windows that start at row `starts`, int64 (batch,), begin in the array."""
        places: np.ndarray = starts % self._phases * self._per_phase + starts // self._phases
        return places

    def read(self, places: np.ndarray) -> np.ndarray:
        """What the windows that begin at `places`, int64 (batch,), read: (batch, *shape)."""
        if self._file:
            return self._read_file(self._file, places)
        if (stride := self._stride()) is None:
            out: np.ndarray = self._rows[places[:, np.newaxis] + self._steps]
            return out
        row, *item = self._rows.strides
        windows = np.lib.stride_tricks.as_strided(
            self._rows[self._steps.flat[0] :],
            shape=(len(self._rows) - int(self._steps.max()), *self.shape),
            strides=(row, *([stride * row] * self._steps.ndim), *item),
            writeable=False,
        )
        read: np.ndarray = windows[places]
        return read

    def in_graph(self) -> Callable[[Any], Any]:
        """`read` as a function of a tensor of places, for tf.data's map; not for large files."""
        import tensorflow as tf

        rows = _as_tensor(self._rows)
        steps = tf.constant(self._steps)

        def gather(places: Any) -> Any:
            # (batch, length), or (batch,) where a window reads one row.
            return tf.gather(rows, (tf.expand_dims(places, -1) if steps.ndim else places) + steps)

        return gather

    def _stride(self) -> int | None:
        """Rows from one step to the next, None where that differs (targets 1, 6, 24 ahead)."""
        strides = np.unique(np.diff(self._steps.reshape(-1)))
        if len(strides) > 1:
            return None
        return int(strides[0]) if len(strides) else 1

    def _read_file(self, file: _MappedFile, places: np.ndarray) -> np.ndarray:
        lowest = self._steps.min()
        span = int(self._steps.max() - lowest) + 1
        spans = file.read(places + lowest, span)
        if self._steps.ndim and self._stride() == 1:
            return spans
        return spans[:, self._steps - lowest]


class _MappedFile:
    """The file behind a memory map, read without the map."""

    def __init__(self, rows: np.ndarray, memmap: Any) -> None:
        address = np.frombuffer(memmap._mmap, dtype=np.uint8).ctypes.data  # noqa: SLF001  NumPy offers no other way
        self._offset = rows.ctypes.data - address + _border(memmap)
        self._row_bytes = rows.strides[0]
        self._item, self._dtype = rows.shape[1:], rows.dtype
        descriptor = os.open(memmap.filename, os.O_RDONLY)
        self._pieces = PieceReader(descriptor)
        weakref.finalize(self, os.close, descriptor)

    def read(self, places: np.ndarray, span: int) -> np.ndarray:
        """`span` rows from each of `places`: (places, span, ...)."""
        size = span * self._row_bytes
        total = len(places) * size
        memory = np.empty(total + ALIGNMENT, dtype=np.uint8)
        memory = memory[-memory.ctypes.data % ALIGNMENT :][:total]
        if not self._pieces.read(self._offset + places * self._row_bytes, size, memory):
            raise WindowError("the file of a memory map was cut short while it was read")
        return memory.view(self._dtype).reshape(len(places), span, *self._item)


def _map_behind(rows: np.ndarray) -> Any:
    """The memory map of a file that `rows` are a view of, or None."""
    base: Any = rows
    while base is not None and not isinstance(base, np.memmap):
        base = base.base if isinstance(base, np.ndarray) else None
    # A copy of a memmap is still of that class, without a map; a nameless file has no path.
    found: Any = base  # typed as having no _mmap
    mapped = found is not None and found._mmap is not None and found.filename  # noqa: SLF001
    return found if mapped else None


def _is_as_in_file(rows: np.ndarray, memmap: Any) -> bool:
    """Whether the file can be read in the map's place, row after row.

    A map of mode "c" keeps its changes to itself, and one of a deleted file lives on.
    """
    return rows.flags.c_contiguous and memmap.mode != "c" and Path(memmap.filename).exists()


def _check_length(memmap: Any) -> None:
    """Touching a map beyond the end of its file would end the process."""
    file = Path(memmap.filename)
    needed = _border(memmap) + len(memmap._mmap)  # noqa: SLF001
    found = file.stat().st_size if file.exists() else needed
    if found < needed:
        raise WindowError(
            f"{file.name} has {found:,} bytes, its memory map needs {needed:,}: "
            "the file was cut short after it was mapped; write it anew and load it again"
        )


def _border(memmap: Any) -> int:
    """Where in the file the map begins: NumPy maps from the last page border before the array."""
    return int(memmap.offset - memmap.offset % mmap.ALLOCATIONGRANULARITY)


def _as_tensor(rows: np.ndarray) -> Any:
    """A tensor of `rows`: sharing a map's memory where its address allows, else a copy."""
    import tensorflow as tf

    # TensorFlow ends the process when it meets memory at another address.
    shareable = rows.flags.c_contiguous and rows.ctypes.data % ALIGNMENT == 0
    if _map_behind(rows) is None or not shareable:
        with tf.device("CPU:0"):  # where tf.data works; a GPU has no room to lose
            return tf.constant(rows)
    return tf.experimental.dlpack.from_dlpack(np.asarray(_Writable(rows)).__dlpack__())


class _Writable:
    """Passes a read-only array off as writable: DLPack lends no other, and nobody writes."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array  # kept alive by whoever keeps this
        address = array.__array_interface__["data"][0]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def phase_major(rows: np.ndarray, phases: int) -> np.ndarray:
    """Lay (rows, ...) out as (phases, rows / phases rounded up, ...) for a WindowReader.

    Row s stands at [s % phases, s // phases]; what is left over at the end is NaN, and no window
    reads it.
    """
    per_phase = -(-len(rows) // phases)
    out = np.full((phases, per_phase, *rows.shape[1:]), np.nan, dtype=rows.dtype)
    for phase in range(phases):
        part = rows[phase::phases]
        out[phase, : len(part)] = part
    return out
