"""How fast windows come, beside Keras' loader and other peers: one JSON line on stdout.

All loaders give shuffled batches of (inputs, targets) from the same made-up rows, with the files in
the page cache. Each has a process of its own, and they take turns.

    python -m benchmarks.windows > figures.json           # 5 minutes; --quick: one and a half
    python -m benchmarks.windows --table figures.json     # the table of the docs

The PyTorch peer needs `pip install torch==2.13.0`. The large file takes 2.5 GB of disk, and Keras'
loader as much memory twice over.
"""

from __future__ import annotations

import gc
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
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
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

ROWS, LARGE_ROWS, FEATURES, BATCH, SEED = 420_451, 42_000_000, 14, 256, 1
JENA = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
PAUSE = 0.2  # seconds for the threads of a closed loader to end
STREAMED = 2000  # batches of the large file, until the process' memory is looked at

Loader = Callable[["Case"], Any]
Rate = Callable[["Case", float], float]


@dataclass(frozen=True)
class Case:
    """Made-up rows in a folder, and the window read from them; row s has the target s.

    Files: phases.npy, the rows laid out phase-major; targets.npy, (rows,).
    """

    folder: Path
    rows: int
    spec: WindowSpec

    @classmethod
    def write(cls, folder: Path, rows: int, spec: WindowSpec, dtype: Any = "f4") -> Case:
        """Make up a case, piece by piece."""
        folder.mkdir()
        random = np.random.default_rng(SEED)
        shape = (spec.sampling_rate, -(-rows // spec.sampling_rate), FEATURES)
        phases = np.lib.format.open_memmap(folder / "phases.npy", "w+", dtype, shape)
        for piece in np.array_split(phases.reshape(-1, FEATURES), 100):
            random.standard_normal(dtype=dtype, out=piece)
        np.save(folder / "targets.npy", np.arange(rows, dtype="f4"))
        os.sync()  # the disk is not to be busy with it while it is read
        return cls(folder, rows, spec)

    @property
    def count(self) -> int:
        """Windows, as Keras' loader finds them in `data[:-target]`."""
        return self.rows - self.spec.target - self.spec.last_input

    def windows(self) -> SeriesWindows:
        """The windows of a project, over memory maps."""
        phases, targets = (np.load(self.folder / f"{n}.npy", "r") for n in ("phases", "targets"))
        return SeriesWindows(phases, targets, self.spec, WindowIndex([range(self.count)]))

    def keras_arguments(self, *, shuffle: bool = True) -> dict[str, Any]:
        """The call of Keras' loader for the same windows, with the rows in memory."""
        phases = np.load(self.folder / "phases.npy", "r")
        rows = phases.transpose(1, 0, 2).reshape(-1, FEATURES)[: self.rows]
        return {
            "data": rows[: -self.spec.target],
            "targets": np.load(self.folder / "targets.npy")[self.spec.target :],
            "sequence_length": self.spec.sequence_length,
            "sampling_rate": self.spec.sampling_rate,
            "batch_size": BATCH,
            "shuffle": shuffle,
            "seed": SEED if shuffle else None,
        }

    def read(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A batch by NumPy's indexing alone: the inputs and targets of the windows at `starts`."""
        rate = self.spec.sampling_rate
        rows = starts[:, np.newaxis] + np.arange(self.spec.sequence_length) * rate
        windows = self.windows()
        inputs = windows.features[rows % rate, rows // rate]
        return np.asarray(inputs), np.asarray(windows.targets[starts + self.spec.target])


def our_tf(case: Case) -> Any:
    """A project's windows as a tf.data.Dataset."""
    return case.windows().dataset(BATCH, shuffle=True, seed=SEED)


def our_numpy(case: Case) -> Any:
    """The same as NumPy arrays, without TensorFlow."""
    return case.windows().batches(BATCH, shuffle=True, seed=SEED)


def our_drop_in(case: Case) -> Any:
    """Keras' call on arrays in memory, answered by us."""
    return jena_etl.timeseries_dataset_from_array(**case.keras_arguments())


def keras_loader(case: Case) -> Any:
    """Keras' loader on arrays in memory."""
    import keras

    return keras.utils.timeseries_dataset_from_array(**case.keras_arguments())


def from_generator(case: Case) -> Any:
    """A generator of NumPy batches over the memory map, handed to tf.data."""
    import tensorflow as tf

    def batches() -> Iterator[Any]:
        starts = np.random.default_rng(SEED).permutation(case.count)
        for first in range(0, case.count, BATCH):
            yield case.read(starts[first : first + BATCH])

    window = (None, case.spec.sequence_length, FEATURES)
    signature = (tf.TensorSpec(window, tf.float32), tf.TensorSpec((None,), tf.float32))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)


def torch_loader(case: Case) -> Any:
    """PyTorch's DataLoader over a dataset that reads a whole batch in one call."""
    import torch

    windows = case.windows()
    rate, per_phase = case.spec.sampling_rate, windows.features.shape[1]
    window = (case.spec.sequence_length, FEATURES)
    rows = np.asarray(windows.features).reshape(-1, FEATURES)
    inputs = np.lib.stride_tricks.sliding_window_view(rows, window)[:, 0]
    targets = np.asarray(windows.targets)[case.spec.target :]

    class Windows:
        def __len__(self) -> int:
            return case.count

        def __getitems__(self, numbers: list[int]) -> Any:
            starts = np.asarray(numbers)
            return inputs[starts % rate * per_phase + starts // rate], targets[starts]

    def as_tensors(batch: Any) -> Any:
        return tuple(map(torch.from_numpy, batch))

    return torch.utils.data.DataLoader(Windows(), BATCH, shuffle=True, collate_fn=as_tensors)


def copies(case: Case) -> Iterator[Any]:
    """The limit of NumPy batches: the same bytes copied from memory to memory, without an end."""
    sources = list(itertools.islice(our_numpy(case), 24))
    buffer = np.empty_like(sources[0][0])
    for inputs, targets in itertools.cycle(sources):
        np.copyto(buffer, inputs)
        yield buffer, targets


FEED, DROP_IN, NUMPY, KERAS = "our tf.data", "our drop-in", "our NumPy batches", "Keras' loader"
GENERATOR, TORCH = "tf.data from_generator", "PyTorch's DataLoader, a batch per call"
COPIES = "copying the same bytes"
LOADERS: dict[str, Loader] = {
    FEED: our_tf,
    DROP_IN: our_drop_in,
    NUMPY: our_numpy,
    KERAS: keras_loader,
    GENERATOR: from_generator,
    TORCH: torch_loader,
    COPIES: copies,
}
PAIRS = [
    (FEED, KERAS),
    (DROP_IN, KERAS),
    (NUMPY, KERAS),
    (FEED, GENERATOR),
    (FEED, TORCH),
    (NUMPY, TORCH),
    (NUMPY, COPIES),
]


def rate(loader: Loader, case: Case, seconds: float) -> float:
    """Batches a second, pass after pass, after a warm-up; the loader is closed afterwards.

    Raises:
        ValueError: the first batch is in order of time, or holds other windows than the rule says.
    """
    endless = itertools.chain.from_iterable(itertools.repeat(loader(case)))
    inputs, targets = map(np.asarray, next(endless))
    if case.rows < 1 << 24:  # float32 cannot number more rows
        starts = targets.astype(int) - case.spec.target
        shuffled = (np.diff(starts) != 1).any()
        if not shuffled or not np.array_equal(inputs, case.read(starts)[0]):
            raise ValueError(f"{loader.__name__} gives other windows than the rule says")
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


def loader_figures(rates: dict[str, Rate], case: Case, turns: int, seconds: float) -> Figures:
    """Our three kinds of batches beside their peers."""
    taken = take_turns({n: partial(one, case, seconds) for n, one in rates.items()}, turns)
    return {
        f"{ours} / {peer}": compared(taken[ours], taken[peer])
        if peer in taken
        else missing("torch is not installed: pip install torch==2.13.0")
        for ours, peer in PAIRS
    }


def variant_figures(rates: dict[str, Rate], case: Case, turns: int, seconds: float) -> Figures:
    """Other windows and float64, beside Keras' loader."""
    figures: Figures = {}
    kinds = [*itertools.product((1, 6), (24, 120, 720), ["float32"]), (6, 120, "float64")]
    for sampling, length, dtype in kinds:
        title = f"sampling_rate {sampling}, sequence_length {length}, {dtype}"
        say(f" {title}")
        spec = WindowSpec(sequence_length=length, sampling_rate=sampling, horizon=24)
        variant = Case.write(case.folder / title, case.rows, spec, np.dtype(dtype))
        measures = {name: partial(rates[name], variant, seconds) for name in (FEED, NUMPY, KERAS)}
        taken = take_turns(measures, turns)
        for name in (FEED, NUMPY):
            figures[f"{title}: {name} / {KERAS}"] = compared(taken[name], taken[KERAS])
    return figures


def large_figures(rates: dict[str, Rate], small: Case, turns: int, seconds: float) -> Figures:
    """The pace and the memory of streaming a file a hundred times as long."""
    large = Case.write(small.folder / "large", LARGE_ROWS, small.spec)
    cases = {f"{case.rows:,} rows": case for case in (large, small)}
    taken = take_turns({n: partial(rates[FEED], c, seconds) for n, c in cases.items()}, turns)
    pace, pace_of_small = taken.values()
    figures = {f"{FEED}: {' / '.join(cases)}": compared(pace, pace_of_small)}
    added = []
    for loader, batches in ((our_tf, STREAMED), (keras_loader, STREAMED // 20)):
        with own_process() as process:
            added.append(process.submit(memory_added, large, loader, batches).result())
    ours, keras = added
    if not ours:
        return figures | {f"{LARGE_ROWS:,} rows, memory": missing("known on Linux only")}
    size = (large.folder / "phases.npy").stat().st_size / 1e6
    title = f"{LARGE_ROWS:,} rows, added by streaming"
    return figures | {
        f"{title}, memory of its own (RssAnon): {FEED} / {KERAS}": compared(
            [ours["RssAnon"]], [keras["RssAnon"]], "MB"
        ),
        f"{title}, cached pages of the file (RssFile): {FEED} / the file": compared(
            [ours["RssFile"]], [size], "MB"
        ),
    }


def memory_added(case: Case, loader: Loader, batches: int) -> dict[str, float]:
    """MB that streaming adds to a process in which TensorFlow has been at work."""
    import keras  # noqa: F401  part of what is there before
    import tensorflow as tf

    for _ in tf.data.Dataset.range(100).shuffle(10).batch(2).prefetch(2):
        pass  # so is what tf.data takes at its first use
    before = memory()
    stream = iter(loader(case))
    for _ in itertools.islice(stream, batches):
        pass
    now = memory()  # while the loader is open
    added = {kind: now[kind] - before[kind] for kind in now if kind in {"RssAnon", "RssFile"}}
    say(f"  {loader.__name__}: {added}")
    return added


def measured(quick: bool) -> tuple[str, Figures]:  # noqa: FBT001  as the command line calls it
    """All figures, from files in a temporary folder."""
    turns, seconds = (2, 0.25) if quick else (5, 1.0)
    parts = [loader_figures, variant_figures, *([] if quick else [large_figures])]
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as processes:
        case = Case.write(Path(folder) / "jena", ROWS, JENA)
        rates: dict[str, Rate] = {}
        for name, loader in LOADERS.items():
            if name != TORCH or installed("torch"):
                process = processes.enter_context(own_process())
                rates[name] = partial(in_process, process, loader)
        for part in parts:
            say(part.__name__.replace("_", " "))
            figures |= part(rates, case, turns, seconds)
    return f"{ROWS:,} rows, batches of ({BATCH}, {JENA.sequence_length}, {FEATURES})", figures


def in_process(process: Any, loader: Loader, case: Case, seconds: float) -> float:
    """`rate` in another process."""
    found: float = process.submit(rate, loader, case, seconds).result()
    return found


if __name__ == "__main__":
    command_line(__doc__, measured)
