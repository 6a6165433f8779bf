"""Rows of an array, read for a whole batch of windows at a time.

A `RowReader` knows nothing of splits and batches: it is given the rows where windows start and
returns what the windows read. Three ways lead to the bytes, chosen by where they lie:

- NumPy, in memory or on a map: a strided view with one entry per window, indexed by window.
- TensorFlow, likewise: `tf.gather` in the graph, on a tensor that shares a map's memory.
- A map of a file beyond RESIDENT_BYTES: one read per window, into memory that TensorFlow takes over
  without a copy. Pages touched through a map count as the process' own; pages read so do not.
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

RESIDENT_BYTES = 128 << 20  # a file up to this size may become resident whole
ALIGNMENT = 64  # TensorFlow takes memory over without a copy when it starts at such an address


class RowReader:
    """Reads rows start + steps for many starts at once.

    Args:
        array: (rows, ...) with rows in time order, or phase-major (phases, rows per phase, ...).
        steps: the offsets that a window reads, int64 (length,); or one offset, ().
        phases: of a phase-major array, whose rows s, s + phases, s + 2 phases, ... lie side by
            side, so that a window sampled at that rate is one block of memory. Needs steps that
            are multiples of `phases`.
    """

    def __init__(self, array: np.ndarray, steps: np.ndarray, *, phases: int | None = None) -> None:
        self._phases = phases or 1
        self._per_phase = array.shape[1] if phases else len(array)
        self._rows = array.reshape(-1, *array.shape[2:]) if phases else array
        self._steps = steps // self._phases
        self._file = _mapped_file(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what one window reads."""
        return (*self._steps.shape, *self._rows.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is read."""
        return self._rows.dtype

    def read(self, starts: np.ndarray) -> np.ndarray:
        """What the windows at `starts`, int64 (batch,), read: (batch, *shape)."""
        first = starts % self._phases * self._per_phase + starts // self._phases
        if self._file:
            return self._read_file(self._file, first)
        if (stride := self._stride()) is None:
            out: np.ndarray = self._rows[first[:, np.newaxis] + self._steps]
            return out
        row, *item = self._rows.strides
        windows = np.lib.stride_tricks.as_strided(
            self._rows[self._steps.flat[0] :],
            shape=(len(self._rows) - int(self._steps.max()), *self.shape),
            strides=(row, *([stride * row] * self._steps.ndim), *item),
            writeable=False,
        )
        out = windows[first]
        return out

    def in_graph(self) -> Callable[[Any], Any]:
        """The same as a function of a tensor of starts, for tf.data's map."""
        import tensorflow as tf

        if self._file:

            def read_file(starts: Any) -> Any:
                out = tf.numpy_function(self.read, [starts], self.dtype, stateful=False)
                out.set_shape((starts.shape[0], *self.shape))
                return out

            return read_file

        rows = _as_tensor(self._rows)
        steps = tf.constant(self._steps)

        def gather(starts: Any) -> Any:
            first = starts % self._phases * self._per_phase + starts // self._phases
            # A trailing axis of steps, if there is one: (batch, length) or (batch,).
            at = tf.reshape(first, (-1, *([1] * self._steps.ndim))) + steps
            return tf.gather(rows, at)

        return gather

    def _stride(self) -> int | None:
        """Rows from one step to the next where it is always the same; one step has any."""
        strides = np.diff(self._steps.reshape(-1))
        if len(strides) == 0:
            return 1
        return int(strides[0]) if (strides == strides[0]).all() else None

    def _read_file(self, file: _MappedFile, first: np.ndarray) -> np.ndarray:
        lowest = self._steps.min()
        span = int(self._steps.max() - lowest) + 1
        row_bytes = self._rows.strides[0]
        places = file.offset + (first + lowest) * row_bytes
        spans = file.read(places, span * row_bytes).view(self.dtype)
        spans = spans.reshape(len(first), span, *self._rows.shape[1:])
        if self._steps.ndim and self._stride() == 1:
            return spans
        return spans[:, self._steps - lowest]


class _MappedFile:
    """The file behind a memory map, read without the map."""

    def __init__(self, path: Path, offset: int) -> None:
        self.offset = offset
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, places: np.ndarray, size: int) -> np.ndarray:
        """`size` bytes from each of `places`, one after the other: uint8 (places * size,)."""
        memory = np.empty(len(places) * size + ALIGNMENT, dtype=np.uint8)
        memory = memory[-memory.ctypes.data % ALIGNMENT :][: len(places) * size]
        buffer = memoryview(memory)
        at = 0
        for place in places.tolist():
            if os.preadv(self._descriptor, [buffer[at : at + size]], place) != size:
                raise WindowError("the file of a memory map was cut short while it was read")
            at += size
        return memory


def _map_behind(rows: np.ndarray) -> np.memmap[Any, Any] | None:
    """The memory map that `rows` are a view of."""
    base: Any = rows
    while base is not None and not isinstance(base, np.memmap):
        base = base.base if isinstance(base, np.ndarray) else None
    return base


def _mapped_file(rows: np.ndarray) -> _MappedFile | None:
    """The file to read instead of the map, where `rows` are a map of more than RESIDENT_BYTES.

    Raises:
        WindowError: the file is shorter than its map; touching the map would end the process.
    """
    base = _map_behind(rows)
    if base is None or base.filename is None or base._mmap is None:
        return None
    path = Path(base.filename)
    start = np.frombuffer(base._mmap, dtype=np.uint8).ctypes.data
    # NumPy maps from the last page border before the array's own offset.
    border = base.offset - base.offset % mmap.ALLOCATIONGRANULARITY
    offset = rows.ctypes.data - start + border
    if path.stat().st_size < offset + rows.nbytes:
        raise WindowError(
            f"{path.name} has {path.stat().st_size:,} bytes, its memory map needs "
            f"{offset + rows.nbytes:,}: the file was cut short after it was mapped; load it again"
        )
    return _MappedFile(path, offset) if rows.nbytes > RESIDENT_BYTES else None


def _as_tensor(rows: np.ndarray) -> Any:
    """A tensor of `rows`: sharing a map's memory where its address allows, else a copy."""
    import tensorflow as tf

    if _map_behind(rows) is None:
        return tf.constant(rows)
    return tf.experimental.dlpack.from_dlpack(np.asarray(_Writable(rows)).__dlpack__())


class _Writable:
    """Passes a read-only array off as writable: DLPack lends no other, and nobody writes."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array  # kept alive by whoever keeps this
        address = array.__array_interface__["data"][0]
        self.__array_interface__ = {**array.__array_interface__, "data": (address, False)}


def phase_major(rows: np.ndarray, phases: int) -> np.ndarray:
    """Lay (rows, ...) out as (phases, rows / phases rounded up, ...) for a RowReader.

    Row s stands at [s % phases, s // phases]; what is left over at the end is NaN, and no window
    reads it.
    """
    per_phase = -(-len(rows) // phases)
    out = np.full((phases, per_phase, *rows.shape[1:]), np.nan, dtype=rows.dtype)
    for phase in range(phases):
        part = rows[phase::phases]
        out[phase, : len(part)] = part
    return out
