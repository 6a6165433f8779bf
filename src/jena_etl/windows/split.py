"""The windows of one split of a project, over arrays that stay on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jena_etl.windows.batches import Feed, NumpyBatches
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import WindowReader
from jena_etl.windows.sampler import BatchSampler
from jena_etl.windows.spec import WindowSpec, input_steps


@dataclass(frozen=True)
class SplitWindows:
    """The windows of one split.

    Attributes:
        features: phase-major, (sampling_rate, rows per phase, features), usually a memory map.
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
        """The row of each window's last input, int64 (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.last_input

    def target_rows(self) -> np.ndarray:
        """The row of each window's target, int64 (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.target

    def batches(self, batch_size: int = 256, **options: Any) -> NumpyBatches:
        """As NumPy arrays: features (batch, sequence_length, features), targets (batch,).

        Each pass over them is the next epoch.

        Args:
            batch_size: windows in a batch; the last one may be short.
            **options: shuffle, seed, epoch, start_batch and shard of
                `jena_etl.windows.sampler.BatchSampler`, and order: forward (default) or reversed.

        Raises:
            WindowError: an option is out of its range.
        """
        return self.feed(batch_size, **options).numpy()

    def dataset(self, batch_size: int = 256, **options: Any) -> Any:
        """The same as a tf.data.Dataset."""
        return self.feed(batch_size, **options).tensorflow()

    def keras_dataset(self, batch_size: int = 256, **options: Any) -> Any:
        """The same as a keras.utils.PyDataset, for any Keras backend."""
        return self.feed(batch_size, **options).keras()

    def for_model(self, batch_size: int = 256, **options: Any) -> Any:
        """What a model takes under the Keras backend in force: one of the two above."""
        import keras

        on_tensorflow = keras.config.backend() == "tensorflow"
        return (self.dataset if on_tensorflow else self.keras_dataset)(batch_size, **options)

    def feed(self, batch_size: int, *, order: str = "forward", **options: Any) -> Feed:
        """What all of the above are made of."""
        spec = self.spec
        steps = input_steps(spec.sequence_length, spec.sampling_rate, order)
        return Feed(
            BatchSampler(index=self.index, batch_size=batch_size, **options),
            WindowReader(self.features, steps, phases=spec.sampling_rate),
            WindowReader(self.targets, np.array(spec.target)),
        )
