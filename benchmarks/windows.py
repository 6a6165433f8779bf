"""How fast windows come, beside Keras' loader and other peers: one JSON line on stdout.

All loaders give batches of (inputs, targets) from the same made-up rows, shuffled, their files in
the page cache. They take turns (A B C A B C ...); each turn has a fresh iterator and the machine
to itself, as a loader that is still open would go on prefetching. A figure is the median of its
turns, a ratio the median of the ratios within a round, `range` the lowest and highest of these.

    python benchmarks/windows.py > figures.json           # some 6 minutes; --quick: 90 seconds
    python benchmarks/windows.py --table figures.json     # the README's table

The PyTorch peer needs `pip install torch==2.13.0`; large files need 8 GB of memory and 3 of disk.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import jena_etl
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.rows import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.windows import Windows

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

ROWS, LARGE_ROWS, FEATURES, BATCH, SEED = 420_451, 42_000_000, 14, 256, 1
JENA = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
WARM_STEPS = 10  # of training, not timed
PAUSE = 0.2  # seconds for the threads of a closed loader to end
NO_TORCH = "torch is not installed: pip install torch==2.13.0"

Measure = Callable[[], float]
Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    turns: int = 7
    seconds: float = 1.0  # per turn and loader
    variant_turns: int = 3
    steps: tuple[int, int] = (150, 60)  # of training per turn: dense, LSTM
    streamed: int = 1000  # batches of the large file; none: it is left out


QUICK = Effort(turns=3, seconds=0.25, variant_turns=1, steps=(40, 15), streamed=0)


@dataclass(frozen=True)
class Case:
    """A folder of rows and the window read from them; row s has the target s.

    Files: rows.npy (rows, features), the same phase-major in phases.npy, targets.npy (rows,).
    """

    folder: Path
    rows: int
    spec: WindowSpec

    @classmethod
    def write(cls, folder: Path, rows: int, spec: WindowSpec, dtype: str = "f4") -> Case:
        """Make up a case that fits into memory."""
        folder.mkdir()
        values = np.random.default_rng(SEED).standard_normal((rows, FEATURES)).astype(dtype)
        np.save(folder / "rows.npy", values)
        np.save(folder / "phases.npy", phase_major(values, spec.sampling_rate))
        np.save(folder / "targets.npy", np.arange(rows, dtype="f4"))
        return cls(folder, rows, spec)

    @classmethod
    def write_large(cls, folder: Path, rows: int, spec: WindowSpec) -> Case:
        """Make up a case piece by piece, without rows.npy."""
        folder.mkdir()
        random = np.random.default_rng(SEED)
        shape = (spec.sampling_rate, rows // spec.sampling_rate, FEATURES)
        with (folder / "phases.npy").open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for done in range(0, rows, 10**6):
                piece = (min(10**6, rows - done), FEATURES)
                random.standard_normal(piece, dtype="f4").tofile(file)
        np.save(folder / "targets.npy", np.arange(rows, dtype="f4"))
        return cls(folder, rows, spec)

    @property
    def count(self) -> int:
        """Windows, as Keras' loader finds them in `data[:-target]`."""
        return self.rows - self.spec.target - self.spec.last_input

    def mapped(self, name: str) -> np.ndarray:
        """A file as a memory map."""
        array: np.ndarray = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return array

    def windows(self) -> Windows:
        """The project feed over the memory maps."""
        index = WindowIndex([range(self.count)])
        return Windows(self.mapped("phases"), self.mapped("targets"), self.spec, index)

    def keras_arguments(self, *, shuffle: bool) -> dict[str, Any]:
        """For Keras' loader: arrays in memory; of a large file its map, the rows in its order."""
        path, after = self.folder / "rows.npy", self.spec.target
        rows = np.load(path) if path.exists() else self.mapped("phases").reshape(-1, FEATURES)
        return {
            "data": rows[:-after],
            "targets": np.load(self.folder / "targets.npy")[after:],
            "sequence_length": self.spec.sequence_length,
            "sampling_rate": self.spec.sampling_rate,
            "batch_size": BATCH,
            "shuffle": shuffle,
            "seed": SEED if shuffle else None,
        }

    def brute_force(self, starts: np.ndarray) -> np.ndarray:
        """What windows read, straight from the rule: (batch, sequence_length, features)."""
        rate = self.spec.sampling_rate
        rows = starts[:, np.newaxis] + np.arange(self.spec.sequence_length) * rate
        if (self.folder / "rows.npy").exists():
            return np.array(self.mapped("rows")[rows])
        return np.array(self.mapped("phases")[rows % rate, rows // rate])


def our_tf(case: Case, *, shuffle: bool = True) -> Any:
    """The project feed, streaming from the memory map."""
    return case.windows().dataset(BATCH, shuffle=shuffle, seed=SEED)


def our_numpy(case: Case, *, shuffle: bool = True) -> Any:
    """The same without TensorFlow."""
    return case.windows().batches(BATCH, shuffle=shuffle, seed=SEED)


def our_drop_in(case: Case, *, shuffle: bool = True) -> Any:
    """Keras' call on arrays in memory, answered by us."""
    return jena_etl.timeseries_dataset_from_array(**case.keras_arguments(shuffle=shuffle))


def keras_loader(case: Case, *, shuffle: bool = True) -> Any:
    """The reference, on arrays in memory."""
    import keras

    arguments = case.keras_arguments(shuffle=shuffle)
    return keras.utils.timeseries_dataset_from_array(**arguments)


def window_flat_map(case: Case, *, shuffle: bool = True) -> Any:
    """As in TensorFlow's guides; shuffled within 8 batches only, more would fill the memory."""
    import tensorflow as tf

    given, length = case.keras_arguments(shuffle=shuffle), case.spec.sequence_length
    rows, targets = map(tf.data.Dataset.from_tensor_slices, (given["data"], given["targets"]))
    windows = rows.window(length, shift=1, stride=case.spec.sampling_rate, drop_remainder=True)
    pairs = tf.data.Dataset.zip(windows.flat_map(lambda window: window.batch(length)), targets)
    return (pairs.shuffle(8 * BATCH) if shuffle else pairs).batch(BATCH).prefetch(2)


class MappedWindows:
    """A PyTorch dataset over the memory map, a window per call; each worker process opens it."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def __len__(self) -> int:
        return self.case.count

    def __getitem__(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        return self.read(np.array(start))

    def read(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The windows that start at rows `starts` (int, any shape): inputs and targets."""
        rate = self.case.spec.sampling_rate
        windows, per_phase = self._windows
        inputs = windows[starts % rate * per_phase + starts // rate]
        return np.array(inputs, copy=None if starts.ndim else True), self._targets[
            starts + self.case.spec.target
        ]

    @cached_property
    def _windows(self) -> tuple[np.ndarray, int]:
        phases = self.case.mapped("phases")
        window = (self.case.spec.sequence_length, FEATURES)
        rows = phases.reshape(-1, FEATURES)
        return np.lib.stride_tricks.sliding_window_view(rows, window)[:, 0], phases.shape[1]

    @cached_property
    def _targets(self) -> np.ndarray:
        return self.case.mapped("targets")
