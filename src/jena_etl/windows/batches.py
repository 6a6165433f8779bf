"""Batches of windows: as NumPy arrays, as a tf.data.Dataset, as a keras.utils.PyDataset."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from jena_etl.windows.reader import SeveralReaders, WindowReader
from jena_etl.windows.sampler import BatchSampler

# As many batches as these allow, at least one, are read at a time, because calling Python costs
# TensorFlow as much time as reading a batch. Up to four such blocks are in memory at once.
BLOCK_BYTES = 24 << 20
BLOCK_WINDOWS = 1 << 14
PARALLEL_READS = 2


class WindowBatches:
    """Batches of (inputs, targets), or of inputs alone.

    Iterate over it to get NumPy arrays without TensorFlow. `dataset` and `keras_dataset` give the
    same batches to tf.data and to Keras. Each pass is the next epoch; this object and every dataset
    made from it count their passes separately. A NumPy batch is a view of the block it was read
    with: copy the batches you keep, or their whole blocks stay in memory.

    Args:
        sampler: decides which windows a batch holds.
        inputs: reads the windows' inputs, (batch, sequence_length, ...).
        targets: reads the windows' targets, (batch, ...); None yields inputs alone.
        unbatched: yield each window without the batch axis; the sampler's batch_size must be 1.
    """

    def __init__(
        self,
        sampler: BatchSampler,
        inputs: WindowReader | SeveralReaders,
        targets: WindowReader | SeveralReaders | None = None,
        *,
        unbatched: bool = False,
    ) -> None:
        self.sampler = sampler
        self._readers = [inputs] if targets is None else [inputs, targets]
        self._unbatched = unbatched
        self._passes = itertools.count()
        window = sum(math.prod(part.shape) * part.dtype.itemsize for part in self._readers)
        windows = min(BLOCK_WINDOWS, BLOCK_BYTES // max(1, window))
        self._batches_a_block = max(1, windows // sampler.batch_size)

    def __len__(self) -> int:
        """Batches in a whole pass."""
        return self.sampler.batches

    def __iter__(self) -> Iterator[Any]:
        blocks = self.blocks(next(self._passes)).tolist()
        return itertools.chain.from_iterable(itertools.starmap(self._batches, blocks))

    def batch(self, number: int, *, epoch: int) -> Any:
        """Batch `number` of an epoch."""
        return next(self._batches(epoch, number, number + 1))

    def _batches(self, epoch: int, first: int, last: int) -> Iterator[Any]:
        for batch in zip(*self.read(epoch, first, last), strict=True):
            yield batch if len(batch) > 1 else batch[0]

    def blocks(self, number: int) -> np.ndarray:
        """How pass `number`, counted from 0, is split into blocks of batches to read at once.

        If the last batch is short, it is a block of its own.

        Returns:
            int64 (blocks, 3): the epoch, the first batch and the one after the last.
        """
        sampler = self.sampler
        first = 0 if number else sampler.start_batch
        whole = max(first, sampler.windows // sampler.batch_size)
        bounds = np.unique([*range(first, whole, self._batches_a_block), whole, sampler.batches])
        epochs = np.full(len(bounds) - 1, sampler.epoch + number)
        return np.stack([epochs, bounds[:-1], bounds[1:]], axis=1)

    def read(self, epoch: int, first: int, last: int) -> list[np.ndarray]:
        """Read the batches from `first` up to, but not including, `last`, all of the same size.

        Returns:
            Inputs and, if there are any, targets: (batches, batch_size, ...), or (windows, ...) if
            unbatched.
        """
        starts = self.sampler.starts(epoch, first, last)
        parts = [reader.read(starts) for reader in self._readers]
        if self._unbatched:
            return parts
        size = len(starts) // (last - first)
        return [part.reshape(last - first, size, *part.shape[1:]) for part in parts]

    def dataset(self) -> Any:
        """The batches as a tf.data.Dataset."""
        import tensorflow as tf

        # TensorFlow keeps every Python function it is given until the process ends. With a weak
        # reference the arrays are freed together with the dataset. A dataset made inside a graph
        # is gone before the graph runs, so there the reference must be a strong one.
        source = self if tf.inside_function() else weakref.proxy(self)
        passes = itertools.count()
        dtypes = [reader.dtype for reader in self._readers]
        axes = (None,) if self._unbatched else (None, None)

        def blocks(_: Any) -> Any:
            bounds = tf.numpy_function(lambda: source.blocks(next(passes)), [], tf.int64)
            return tf.data.Dataset.from_tensor_slices(tf.ensure_shape(bounds, (None, 3)))

        def read(block: Any) -> Any:
            parts = tf.numpy_function(
                lambda block: source.read(*block.tolist()), [block], dtypes, stateful=False
            )
            return tuple(
                tf.ensure_shape(part, (*axes, *reader.shape))
                for part, reader in zip(parts, self._readers, strict=True)
            )

        def batches(*parts: Any) -> Any:
            # These slices share the block's memory; unbatch() would copy them.
            return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0])

        dataset = tf.data.Dataset.from_tensors(0).flat_map(blocks)
        dataset = dataset.map(read, num_parallel_calls=PARALLEL_READS).flat_map(batches)
        if not self.sampler.start_batch:  # otherwise the first pass is shorter than the others
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(self)))
        options = tf.data.Options()
        options.autotune.enabled = False  # with autotuning, every other pass is half as fast
        dataset = dataset.with_options(options)
        dataset.source = self
        return dataset

    def keras_dataset(self) -> Any:
        """The batches as a keras.utils.PyDataset, for any Keras backend.

        Train with `fit(..., shuffle=False)`, or Keras shuffles what has been shuffled already.

        Raises:
            WindowError: start_batch is not 0.
        """
        from jena_etl.windows.keras_dataset import KerasDataset

        return KerasDataset(self)
