"""Batches of windows: as NumPy arrays, as a tf.data.Dataset, as a keras.utils.PyDataset."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.reader import WindowReader
from jena_etl.windows.sampler import BatchSampler

PLANNED_WINDOWS = 1 << 14  # worked out at a time: a call per batch would cost more than the batch
CHUNK_BYTES = 16 << 20  # that they may take, unless one batch takes more
KERAS_LOOKS_AT = 2  # batches, to see their shapes
SIDE_BY_SIDE = 2  # reads at a time
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

    plan: BatchSampler
    inputs: WindowReader
    targets: WindowReader | None = None
    unbatched: bool = False

    def numpy(self) -> NumpyBatches:
        """NumPy arrays, without TensorFlow; each pass over them is the next epoch."""
        return NumpyBatches(self)

    def one_pass(self, epoch: int, first: int) -> Iterator[Any]:
        """The batches of an epoch from `first` on, as NumPy arrays."""
        plan = self.plan
        for number in range(first, plan.batches, self._chunk):
            planned, targets = self._planned(epoch, number, number + self._chunk)
            for at in range(0, len(planned), plan.batch_size):
                batch = slice(at, at + plan.batch_size)
                inputs = planned[batch]
                if not self.inputs.is_large:
                    inputs = self.inputs.read(inputs)
                yield self._shaped(inputs, targets[batch])

    def batch(self, number: int, *, epoch: int) -> Any:
        """Batch `number` of an epoch as NumPy arrays."""
        inputs, targets = self._planned(epoch, number, number + 1)
        if not self.inputs.is_large:
            inputs = self.inputs.read(inputs)
        return self._shaped(inputs, targets)

    def tensorflow(self) -> Any:
        """A tf.data.Dataset; each pass over it is the next epoch.

        Of tf.data's own work, a function call per batch costs the most, so there is just one: the
        order and the targets come many batches at a time.
        """
        import tensorflow as tf

        plan = self.plan
        passes = itertools.count()
        targets = self.targets or _NoTargets()
        large = self.inputs.is_large
        kinds = [self.inputs.dtype if large else tf.int64, targets.dtype]
        shapes = [self.inputs.shape if large else (), targets.shape]
        whole = plan.windows // plan.batch_size  # batches that are not short

        # TensorFlow keeps a function that it was given for ever, so it is given one that knows the
        # feed by a weak reference, and the dataset keeps the feed; but not one made in a graph.
        mine: Any = (lambda: self) if tf.inside_function() else weakref.ref(self)

        def planned(*batches: int) -> Any:
            return mine()._planned(*batches)  # noqa: SLF001  its own

        def begin_pass() -> np.ndarray:
            number = next(passes)
            return np.array([plan.epoch + number, 0 if number else plan.start_batch])

        def chunk(epoch: Any, first: Any, end: int, size: int) -> Any:
            """The batches from `first` on, of `size` windows each."""
            last = tf.minimum(first + self._chunk, end)
            parts = tf.numpy_function(planned, [epoch, first, last], kinds, stateful=False)
            axes = (-1,) if large and self.unbatched else (-1, size)
            chunks = [
                tf.reshape(part, (*axes, *shape)) for part, shape in zip(parts, shapes, strict=True)
            ]
            return chunks[0] if large and not self.targets else tuple(chunks)

        def in_chunks(epoch: Any, firsts: Any, end: int, size: int) -> Any:
            """The batches before `end`, in chunks that begin at `firsts`."""
            chunks = firsts.map(
                lambda first: chunk(epoch, first, end, size), num_parallel_calls=SIDE_BY_SIDE
            )
            # Not unbatch(), which copies more slowly.
            return chunks.flat_map(
                lambda *parts: tf.data.Dataset.from_tensor_slices(parts if parts[1:] else parts[0])
            )

        def one_pass(_: Any) -> Any:
            begun = tf.ensure_shape(tf.numpy_function(begin_pass, [], tf.int64), (2,))
            epoch, first = begun[0], begun[1]
            firsts = tf.data.Dataset.range(first, whole, self._chunk)
            batches = in_chunks(epoch, firsts, whole, plan.batch_size)
            if short := plan.windows % plan.batch_size:
                only = tf.data.Dataset.from_tensors(tf.constant(whole, tf.int64))
                batches = batches.concatenate(in_chunks(epoch, only, plan.batches, short))
            return batches

        dataset = tf.data.Dataset.from_tensors(0).flat_map(one_pass)
        if not large:
            read = self.inputs.in_graph()
            dataset = dataset.map(
                lambda at, y: self._shaped(read(at), y), num_parallel_calls=SIDE_BY_SIDE
            ).prefetch(AHEAD)
        if not plan.start_batch:  # else the first pass is shorter than the others
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(plan.batches))
        options = tf.data.Options()
        options.autotune.enabled = False  # its choice is half as fast every other pass
        options.threading.max_intra_op_parallelism = 1  # the model has better use for the cores
        dataset = dataset.with_options(options)
        dataset.feed = self
        return dataset

    def keras(self) -> Any:
        """A keras.utils.PyDataset for any backend; each epoch of `fit` is the next one.

        Raises:
            WindowError: start_batch is not 0; Keras gives every epoch the same batches.
        """
        import keras

        if self.plan.start_batch:
            raise WindowError(
                f"start_batch must be 0 for a PyDataset, found {self.plan.start_batch}; "
                "a tf.data.Dataset can begin later"
            )

        feed = self

        class WindowDataset(keras.utils.PyDataset):
            """Batches by number; the epoch moves on when Keras has read one and ends it."""

            def __init__(self) -> None:
                super().__init__()
                self.epoch = feed.plan.epoch
                self._begun = False
                self._read = 0

            def __len__(self) -> int:
                return feed.plan.batches

            def __getitem__(self, number: int) -> Any:
                self._read += 1
                return feed.batch(number, epoch=self.epoch)

            def on_epoch_begin(self) -> None:
                self._begun = True
                self._read = 0

            def on_epoch_end(self) -> None:
                # Keras also ends what it only looked at, before fit's first epoch: batches of no
                # epoch, or, to build the model, a batch or two of one.
                if self._begun and self._read > min(KERAS_LOOKS_AT, len(self) - 1):
                    self.epoch += 1
                self._begun = False

        return WindowDataset()

    @property
    def _chunk(self) -> int:
        """Batches planned at a time; of a large file they are read at a time too."""
        planned = [self.targets, self.inputs] if self.inputs.is_large else [self.targets]
        size = 8 + sum(math.prod(part.shape) * part.dtype.itemsize for part in planned if part)
        return max(1, min(PLANNED_WINDOWS, CHUNK_BYTES // size) // self.plan.batch_size)

    def _planned(self, epoch: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the windows of some batches begin in `inputs`, and their targets.

        Of a large file the windows themselves.
        """
        starts = self.plan.starts(int(epoch), int(first), int(last))
        targets = self.targets or _NoTargets()
        inputs = self.inputs.place(starts)
        if self.inputs.is_large:
            inputs = self.inputs.read(inputs)
        return inputs, targets.read(targets.place(starts))

    def _shaped(self, inputs: Any, targets: Any) -> Any:
        if self.unbatched:
            inputs, targets = inputs[0], targets[0]
        return (inputs, targets) if self.targets else inputs


class NumpyBatches:
    """What `Feed.numpy` gives: iterate it as often as you like; len() is the batches of a pass."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._passes = itertools.count()

    def __len__(self) -> int:
        return self._feed.plan.batches

    def __iter__(self) -> Iterator[Any]:
        plan, number = self._feed.plan, next(self._passes)
        return self._feed.one_pass(plan.epoch + number, 0 if number else plan.start_batch)


class _NoTargets:
    """Stands in for targets where there are none."""

    shape = ()
    dtype = np.dtype(np.int8)

    def place(self, starts: np.ndarray) -> np.ndarray:
        return starts

    def read(self, first: np.ndarray) -> np.ndarray:
        return np.zeros(len(first), self.dtype)
