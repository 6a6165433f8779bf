"""Batches of windows: as NumPy arrays, as a tf.data.Dataset, as a keras.utils.PyDataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jena_etl.windows.plan import BatchPlan
from jena_etl.windows.rows import RowReader

PLANNED_WINDOWS = 1 << 14  # worked out at a time: a call per batch would cost more than the batch
AHEAD = 2  # batches prepared while one is used; more only cools the processor's caches


@dataclass(frozen=True)
class Feed:
    """Batches of (inputs, targets), or of inputs alone.

    Attributes:
        plan: which windows a batch holds.
        inputs: what a window reads: (batch, sequence_length, ...).
        targets: what it forecasts: (batch, ...); None yields inputs alone.
        unbatched: yield each window without the batch axis; the plan's batches are of one.
    """

    plan: BatchPlan
    inputs: RowReader
    targets: RowReader | None = None
    unbatched: bool = False

    def numpy(self) -> Iterator[Any]:
        """The first pass as NumPy arrays, without TensorFlow."""
        plan = self.plan
        for starts in self._planned(plan.epoch, plan.start_batch):
            for at in range(0, len(starts), plan.batch_size):
                yield self._read(starts[at : at + plan.batch_size])

    def batch(self, number: int, *, epoch: int) -> Any:
        """Batch `number` of an epoch as NumPy arrays."""
        return self._read(self.plan.starts(epoch, number, number + 1))

    def tensorflow(self) -> Any:
        """A tf.data.Dataset; each pass over it is the next epoch."""
        import tensorflow as tf

        plan = self.plan
        passes = itertools.count()
        inputs = self.inputs.in_graph()
        targets = self.targets.in_graph() if self.targets else None

        def begin_pass() -> np.ndarray:
            number = next(passes)
            return np.array([plan.epoch + number, 0 if number else plan.start_batch])

        def one_pass(_: Any) -> Any:
            begun = tf.numpy_function(begin_pass, [], tf.int64)
            begun.set_shape((2,))
            chunk = self._batches_planned()
            firsts = tf.data.Dataset.range(begun[1], plan.batches, chunk)
            return firsts.map(lambda first: planned(begun[0], first)).flat_map(cut)

        def planned(epoch: Any, first: Any) -> Any:
            starts = tf.numpy_function(self._chunk, [epoch, first], tf.int64, stateful=False)
            starts.set_shape((None,))
            return starts

        def cut(starts: Any) -> Any:
            places = tf.data.Dataset.range(0, tf.size(starts, tf.int64), plan.batch_size)
            return places.map(lambda at: starts[at : at + plan.batch_size])

        def read(starts: Any) -> Any:
            if self.unbatched:
                starts.set_shape((1,))
            parts = [part(starts) for part in (inputs, targets) if part]
            if self.unbatched:
                parts = [part[0] for part in parts]
            return tuple(parts) if targets else parts[0]

        dataset = tf.data.Dataset.from_tensors(0).flat_map(one_pass)
        dataset = dataset.map(read, num_parallel_calls=2)
        if not plan.start_batch:  # else the first pass is shorter than the others
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(plan.batches))
        return dataset.prefetch(AHEAD)

    def keras(self) -> Any:
        """A keras.utils.PyDataset for any backend; each epoch of `fit` is the next one."""
        import keras

        feed = self

        class WindowDataset(keras.utils.PyDataset):
            """Batches by number; the epoch moves on when Keras says that one has ended."""

            def __init__(self) -> None:
                super().__init__()
                self.epoch = feed.plan.epoch

            def __len__(self) -> int:
                return feed.plan.batches

            def __getitem__(self, number: int) -> Any:
                return feed.batch(number, epoch=self.epoch)

            def on_epoch_end(self) -> None:
                self.epoch += 1

        return WindowDataset()

    def _read(self, starts: np.ndarray) -> Any:
        parts = [part.read(starts) for part in (self.inputs, self.targets) if part]
        if self.unbatched:
            parts = [part[0] for part in parts]
        return tuple(parts) if self.targets else parts[0]

    def _batches_planned(self) -> int:
        return max(1, PLANNED_WINDOWS // self.plan.batch_size)

    def _chunk(self, epoch: int, first: int) -> np.ndarray:
        return self.plan.starts(int(epoch), int(first), int(first) + self._batches_planned())

    def _planned(self, epoch: int, first: int) -> Iterator[np.ndarray]:
        for batch in range(first, self.plan.batches, self._batches_planned()):
            yield self._chunk(epoch, batch)
