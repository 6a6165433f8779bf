"""The windows of one split, as NumPy batches and as a tf.data.Dataset."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.shuffle import epoch_order
from jena_etl.windows.spec import WindowSpec

ORDERS = ("forward", "reversed")


@dataclass(frozen=True)
class Windows:
    """The windows of one split over arrays that stay on disk.

    Attributes:
        features: (rows, features), usually a memory map.
        targets: (rows,), the raw target column.
        spec: the window.
        index: the start rows of the split's windows.
    """

    features: np.ndarray
    targets: np.ndarray
    spec: WindowSpec
    index: WindowIndex

    def __len__(self) -> int:
        return len(self.index)

    def issued_rows(self) -> np.ndarray:
        """The row of each window's last input, int64 of shape (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.last_input

    def target_rows(self) -> np.ndarray:
        """The row of each window's target, int64 of shape (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.target

    def batches(
        self,
        batch_size: int = 256,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        order: str = "forward",
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One pass over the windows; the last batch may be short.

        Yields:
            features (batch, sequence_length, features) and targets (batch,).

        Raises:
            WindowError: batch_size below 1, or an order other than forward and reversed.
        """
        if batch_size < 1:
            raise WindowError(f"batch_size must be at least 1, found {batch_size}")
        if order not in ORDERS:
            raise WindowError(f"order must be forward or reversed, found {order!r}")
        positions = (
            epoch_order(len(self), seed=seed, epoch=epoch) if shuffle else np.arange(len(self))
        )
        step = 1 if order == "forward" else -1
        offsets = np.arange(self.spec.sequence_length)[::step] * self.spec.sampling_rate
        for first in range(0, len(positions), batch_size):
            starts = self.index.starts(positions[first : first + batch_size])
            rows = starts[:, np.newaxis] + offsets
            yield self.features[rows], self.targets[starts + self.spec.target]

    def dataset(
        self,
        batch_size: int = 256,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        order: str = "forward",
    ) -> Any:
        """The same batches as a tf.data.Dataset; each further pass is the next epoch."""
        import tensorflow as tf

        epochs = itertools.count(epoch)

        def one_pass() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            return self.batches(
                batch_size, shuffle=shuffle, seed=seed, epoch=next(epochs), order=order
            )

        shape = (None, self.spec.sequence_length, self.features.shape[1])
        signature = (
            tf.TensorSpec(shape, self.features.dtype),
            tf.TensorSpec((None,), self.targets.dtype),
        )
        dataset = tf.data.Dataset.from_generator(one_pass, output_signature=signature)
        passes = tf.data.experimental.assert_cardinality(-(-len(self) // batch_size))
        return dataset.apply(passes).prefetch(2)
