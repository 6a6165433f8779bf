"""The windows of one split of a project, over arrays that stay on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jena_etl.signatures import takes_arguments_of
from jena_etl.windows.batches import WindowBatches
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import WindowReader
from jena_etl.windows.sampler import BatchSampler
from jena_etl.windows.spec import WindowSpec, input_steps


@dataclass(frozen=True, repr=False)
class SplitWindows:
    """The windows of one split.

    Attributes:
        features: phase-major, (sampling_rate, rows per phase, features), usually a memory map.
        targets: (rows,), the target column in its own unit.
        spec: the window.
        index: the start rows of the split's windows.
    """

    features: np.ndarray
    targets: np.ndarray
    spec: WindowSpec
    index: WindowIndex

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        """One line, because the arrays would fill the screen."""
        shape = (self.spec.sequence_length, *self.features.shape[2:])
        return f"<SplitWindows: {len(self):,} windows of {shape}, {self.spec!r}>"

    def issued_rows(self) -> np.ndarray:
        """The row of each window's last input, int64 (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.last_input

    def target_rows(self) -> np.ndarray:
        """The row of each window's target, int64 (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.target

    def batches(
        self,
        batch_size: int = 256,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        start_batch: int = 0,
        shard: tuple[int, int] = (0, 1),
        order: str = "forward",
    ) -> WindowBatches:
        """Batches as NumPy arrays: features (batch, sequence_length, features), targets (batch,).

        TensorFlow is not imported. Each pass over the batches is the next epoch.

        Args:
            batch_size: Windows per batch; the last batch may be short.
            shuffle: Whether each epoch has its own random order, which depends only on `seed` and
                the epoch; otherwise windows come in time order.
            seed: The seed of the shuffle.
            epoch: The epoch of the first pass; each further pass is the next one.
            start_batch: The batch at which the first pass begins, to resume an interrupted run.
            shard: (number, count), for one of several workers: it reads the windows number,
                number + count, ... of the epoch's order.
            order: "forward", or "reversed" for windows that begin with the latest input.

        Raises:
            WindowError: An argument is out of range.
        """
        spec = self.spec
        steps = input_steps(spec.sequence_length, spec.sampling_rate, order)
        sampler = BatchSampler(
            index=self.index,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            start_batch=start_batch,
            shard=shard,
        )
        return WindowBatches(
            sampler,
            WindowReader(self.features, steps, phases=spec.sampling_rate),
            WindowReader(self.targets, np.array(spec.target)),
        )

    @takes_arguments_of(batches)
    def dataset(self, *args: Any, **options: Any) -> Any:
        """The same batches as a tf.data.Dataset; takes the arguments of `batches`."""
        return self.batches(*args, **options).dataset()

    @takes_arguments_of(batches)
    def keras_dataset(self, *args: Any, **options: Any) -> Any:
        """The same batches as a keras.utils.PyDataset; takes the arguments of `batches`."""
        return self.batches(*args, **options).keras_dataset()

    @takes_arguments_of(batches)
    def for_model(self, *args: Any, **options: Any) -> Any:
        """The batches in the form that Keras' current backend trains on fastest."""
        import keras

        from jena_etl.windows.keras_dataset import KerasDataset

        batches = self.batches(*args, **options)
        on_tensorflow = keras.config.backend() == "tensorflow"
        return batches.dataset() if on_tensorflow else KerasDataset(batches)
