"""How fast windows come, beside Keras' loader and other peers: one JSON line on stdout.

All loaders give batches of (inputs, targets) from the same made-up rows, shuffled, their files in
the page cache. Each turn has a fresh iterator and the machine to itself, as a loader that is still
open would go on prefetching.

    python -m benchmarks.windows > figures.json           # 6 minutes; --quick: one and a half
    python -m benchmarks.windows --table figures.json     # the README's table

The PyTorch peer needs `pip install torch==2.13.0`. The large file takes 3 GB of disk, Keras' loader
9 GB of memory for it.
"""

from __future__ import annotations

import gc
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

import jena_etl
from benchmarks.measure import (
    Figures,
    command_line,
    compared,
    installed,
    memory,
    missing,
    own_process,
    say,
    take_turns,
)
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split import SplitWindows

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

ROWS, LARGE_ROWS, FEATURES, BATCH, SEED = 420_451, 42_000_000, 14, 256, 1
JENA = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
PAUSE = 0.2  # seconds for the threads of a closed loader to end
FEED, DROP_IN, NUMPY = "our tf.data feed", "our drop-in", "our NumPy batches"
KERAS, COPIES = "Keras' loader", "copying the same bytes"

Loader = Callable[..., Any]


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    turns: int = 5
    seconds: float = 1.0  # per turn and loader
    variant_turns: int = 3
    streamed: int = 1000  # batches of the large file; 0 leaves it out


QUICK = Effort(turns=2, seconds=0.25, variant_turns=1, streamed=0)


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
        shape = spec.sampling_rate, rows // spec.sampling_rate, FEATURES
        phases = np.lib.format.open_memmap(folder / "phases.npy", "w+", "f4", shape)
        for piece in np.array_split(phases.reshape(rows, FEATURES), 100):
            random.standard_normal(dtype="f4", out=piece)
        np.save(folder / "targets.npy", np.arange(rows, dtype="f4"))
        del phases, piece
        os.sync()  # the disk is not to be busy with it while it is read
        return cls(folder, rows, spec)

    @property
    def count(self) -> int:
        """Windows, as Keras' loader finds them in `data[:-target]`."""
        return self.rows - self.spec.target - self.spec.last_input

    def mapped(self, name: str) -> np.ndarray:
        """A file as a memory map."""
        array: np.ndarray = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return array

    def windows(self) -> SplitWindows:
        """The project feed over the memory maps."""
        index = WindowIndex([range(self.count)])
        return SplitWindows(self.mapped("phases"), self.mapped("targets"), self.spec, index)

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
    rows, targets = (tf.data.Dataset.from_tensor_slices(given[key]) for key in ("data", "targets"))
    windows = rows.window(length, shift=1, stride=case.spec.sampling_rate, drop_remainder=True)
    pairs = tf.data.Dataset.zip(windows.flat_map(lambda window: window.batch(length)), targets)
    return (pairs.shuffle(8 * BATCH) if shuffle else pairs).batch(BATCH).prefetch(2)


def from_generator(case: Case, *, shuffle: bool = True) -> Any:
    """A generator of NumPy batches over the memory map, handed to tf.data."""
    import tensorflow as tf

    windows = MappedBatches(case)

    def batches() -> Iterator[Any]:
        starts = np.arange(case.count)
        if shuffle:
            np.random.default_rng(SEED).shuffle(starts)
        for first in range(0, case.count, BATCH):
            yield windows.__getitems__(starts[first : first + BATCH])

    inputs, targets = windows.__getitems__([0])
    signature = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (inputs, targets)]
    dataset = tf.data.Dataset.from_generator(batches, output_signature=tuple(signature))
    return dataset.prefetch(2)


def torch_loader(case: Case, *, shuffle: bool = True, batched: bool, workers: int) -> Any:
    """PyTorch's DataLoader over the memory map, a window or a batch per call."""
    import torch

    return torch.utils.data.DataLoader(
        MappedBatches(case) if batched else MappedWindows(case),
        batch_size=BATCH,
        shuffle=shuffle,
        num_workers=workers,
        collate_fn=as_tensors if batched else None,
    )


class MappedWindows:
    """A map-style PyTorch dataset; each worker process opens the memory map for itself."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def __len__(self) -> int:
        return self.case.count

    def __getitem__(self, start: int) -> tuple[np.ndarray, Any]:
        return self._windows[self._places(start)].copy(), self._targets[start]

    def _places(self, starts: Any) -> Any:
        """Where windows begin, counted along the phase-major rows."""
        rate = self.case.spec.sampling_rate
        return starts % rate * -(-self.case.rows // rate) + starts // rate

    @cached_property
    def _windows(self) -> np.ndarray:
        rows = self.case.mapped("phases").reshape(-1, FEATURES)
        window = (self.case.spec.sequence_length, FEATURES)
        return np.lib.stride_tricks.sliding_window_view(rows, window)[:, 0]

    @cached_property
    def _targets(self) -> np.ndarray:
        return self.case.mapped("targets")[self.case.spec.target :]


class MappedBatches(MappedWindows):
    """The same with PyTorch's hook for datasets that read a batch better than its items."""

    def __getitems__(self, starts: Any) -> tuple[np.ndarray, np.ndarray]:
        starts = np.asarray(starts)
        return self._windows[self._places(starts)], self._targets[starts]


def as_tensors(batch: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    """Tensors that share the arrays' memory."""
    import torch

    return tuple(torch.from_numpy(part) for part in batch)


def copies(case: Case) -> Iterator[np.ndarray]:
    """The limit of NumPy batches: the same bytes, memory to memory, without an end."""
    sources = [inputs for inputs, _ in itertools.islice(our_numpy(case), 24)]
    buffer = np.empty_like(sources[0])
    for source in itertools.cycle(sources):
        np.copyto(buffer, source)
        yield buffer


PEERS: dict[str, Loader] = {
    "tf.data window().flat_map": window_flat_map,
    "tf.data from_generator over the memory map": from_generator,
}
TORCH: dict[str, Loader] = {
    f"PyTorch DataLoader, a {unit} per call, {workers} workers": partial(
        torch_loader, batched=unit == "batch", workers=workers
    )
    for unit, workers in (("window", 0), ("window", 2), ("batch", 0))
}


def check(case: Case, loaders: Iterable[Loader], orders: tuple[bool, ...] = (False, True)) -> None:
    """Compare a batch of each loader with brute force, in time order and shuffled.

    Raises:
        ValueError: a loader gives other windows, or other targets than theirs.
    """
    for loader, shuffle in itertools.product(loaders, orders):
        inputs, targets = map(np.asarray, next(iter(loader(case, shuffle=shuffle))))
        starts = targets.astype(int) - case.spec.target  # a target is the number of its row
        in_order = np.array_equal(starts, np.arange(BATCH))
        if in_order == shuffle or not np.array_equal(inputs, case.brute_force(starts)):
            raise ValueError(f"{loader} with shuffle={shuffle} gives other windows than the rule")


def rate(loader: Loader, case: Case, seconds: float) -> float:
    """Batches a second, pass after pass, after a warm-up; the loader is closed afterwards."""
    endless = itertools.chain.from_iterable(itertools.repeat(loader(case)))
    count, taken = 0, 0.0
    for span in (seconds / 4, seconds):
        start = time.perf_counter()
        for count, _ in enumerate(endless, 1):  # noqa: B007  read after the loop
            if (taken := time.perf_counter() - start) >= span:
                break
    del endless, _
    gc.collect()
    time.sleep(PAUSE)
    return count / taken


def rates(
    case: Case, turns: int, seconds: float, here: dict[str, Loader], *apart: dict[str, Loader]
) -> dict[str, list[float]]:
    """Batches a second of loaders that take turns, here or in a process per group.

    NumPy and PyTorch need their own: after a training, or once PyTorch's loader has run, the C
    library's heap may hand NumPy fresh pages for every batch, which takes four times as long.
    """
    check(case, here.values())
    measures: dict[str, Callable[[], float]] = {
        name: partial(rate, loader, case, seconds) for name, loader in here.items()
    }
    with ExitStack() as processes:
        for group in apart:
            process = processes.enter_context(own_process())
            process.submit(check, case, [one for one in group.values() if one != copies]).result()
            for name, loader in group.items():
                task = partial(process.submit, rate, loader, case, seconds)
                measures[name] = lambda task=task: task().result()  # type: ignore[misc]
        return take_turns(measures, turns)


def loader_figures(case: Case, effort: Effort) -> Figures:
    """Our tf.data feeds and NumPy batches beside their peers."""
    here = {FEED: our_tf, DROP_IN: our_drop_in, KERAS: keras_loader, **PEERS}
    apart = [{NUMPY: our_numpy, COPIES: copies}, *([TORCH] if installed("torch") else [])]
    taken = rates(case, effort.turns, effort.seconds, here, *apart)
    pairs = [(FEED, KERAS), (DROP_IN, KERAS), (NUMPY, COPIES), *((FEED, peer) for peer in PEERS)]
    return {
        f"{ours} / {peer}": compared(taken[ours], taken[peer])
        if peer in taken
        else missing("torch is not installed: pip install torch==2.13.0")
        for ours, peer in [*pairs, *itertools.product((FEED, NUMPY), TORCH)]
    }


def variant_figures(case: Case, effort: Effort) -> Figures:
    """Other windows and float64: tf.data and NumPy beside Keras' loader."""
    figures: Figures = {}
    groups = {FEED: our_tf, KERAS: keras_loader}, {NUMPY: our_numpy}
    kinds = [*itertools.product((1, 6), (24, 120, 720), ["float32"]), (6, 120, "float64")]
    for sampling, length, dtype in kinds:
        title = f"sampling_rate {sampling}, sequence_length {length}, {dtype}"
        say(f" {title}")
        spec = WindowSpec(sequence_length=length, sampling_rate=sampling, horizon=24)
        variant = Case.write(case.folder / title, case.rows, spec, dtype)
        taken = rates(variant, effort.variant_turns, effort.seconds, *groups)
        peer = taken.pop(KERAS)
        for name, values in taken.items():
            figures[f"{title}: {name} / {KERAS}"] = compared(values, peer)
    return figures


def large_figures(small: Case, effort: Effort) -> Figures:
    """The memory, the start and the pace of streaming a file that should not become resident."""
    title = f"{LARGE_ROWS:,} rows"
    if not effort.streamed:
        return {title: missing("left out by --quick")}
    large = Case.write_large(small.folder / "large", LARGE_ROWS, small.spec)
    check(large, [our_tf], orders=(False,))  # float32 cannot number so many rows
    gained = []
    # Keras' loader takes its memory at the start and need not stream as long.
    for loader, batches in ((our_tf, effort.streamed), (keras_loader, effort.streamed // 10)):
        with own_process() as process:
            gained.append(process.submit(footprint, large, loader, batches).result())
    figures = {}
    for what, unit in FOOTPRINT.items():
        ours, peer = ([gain[what]] if what in gain else [] for gain in gained)
        figure = compared(ours, peer, unit) if ours else missing("known on Linux only")
        figures[f"{title}, {what}: {FEED} / {KERAS}"] = figure
    measures = {
        f"{case.rows:,} rows": partial(rate, our_tf, case, effort.seconds)
        for case in (large, small)
    }
    one, other = take_turns(measures, effort.turns).values()
    return figures | {f"{FEED}: {' / '.join(measures)}": compared(one, other)}


FOOTPRINT = {"resident memory added": "MB", "peak memory added": "MB", "first batch after": "s"}


def footprint(case: Case, loader: Loader, batches: int) -> dict[str, float]:
    """What streaming adds to an idle TensorFlow process, and how soon it begins."""
    import keras  # noqa: F401  part of what is idle
    import tensorflow as tf

    for _ in tf.data.Dataset.range(100).shuffle(10).batch(2).prefetch(2):
        pass  # so is what tf.data takes at its first use
    idle = memory(reset=True)
    start = time.perf_counter()
    stream = iter(loader(case))
    next(stream)
    figures = [time.perf_counter() - start]
    for _ in itertools.islice(stream, batches - 1):
        pass
    if now := memory():
        figures = [now["VmRSS"] - idle["VmRSS"], now["VmHWM"] - idle["VmRSS"], *figures]
    found = dict(zip(reversed(FOOTPRINT), reversed(figures), strict=False))
    say(f"  {loader.__name__}: {found}")
    return found


def measured(quick: bool) -> tuple[str, Figures]:  # noqa: FBT001  as the command line calls it
    """All figures, from files in a temporary folder."""
    effort = QUICK if quick else Effort()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        case = Case.write(Path(folder) / "jena", ROWS, JENA)
        for part in (loader_figures, variant_figures, large_figures):
            say(part.__name__.replace("_", " "))
            figures |= part(case, effort)
    return f"{ROWS:,} rows, batches of ({BATCH}, {JENA.sequence_length}, {FEATURES})", figures


if __name__ == "__main__":
    command_line(__doc__, measured)
