"""Batches of windows as a keras.utils.PyDataset; importing this module imports Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from jena_etl.errors import WindowError

if TYPE_CHECKING:
    from jena_etl.windows.batches import WindowBatches


class KerasDataset(keras.utils.PyDataset):
    """Batches by number, the same in every backend of Keras.

    It moves on to the next epoch when Keras ends one of which it has read every batch.

    Args:
        batches: what to give; their start_batch must be 0.

    Attributes:
        epoch: the epoch that is read now.

    Raises:
        WindowError: start_batch is not 0, as Keras expects the same batches in every epoch. Later
            on, if `fit` shuffles the batches again or if use_multiprocessing is set.
    """

    def __init__(self, batches: WindowBatches) -> None:
        super().__init__()
        if batches.sampler.start_batch:
            raise WindowError(
                f"start_batch must be 0 for a PyDataset, found {batches.sampler.start_batch}; "
                "a tf.data.Dataset can begin later"
            )
        self.epoch = batches.sampler.epoch
        self._batches = batches
        self._in_epoch = False
        self._read: set[int] = set()

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Any:
        number = range(len(self))[number]
        if self._in_epoch and self._batches.sampler.shuffle:
            self._check_order(number)
        self._read.add(number)
        return self._batches.batch(number, epoch=self.epoch)

    def on_epoch_begin(self) -> None:
        """Keras calls this before it reads an epoch."""
        self._in_epoch = True

    def on_epoch_end(self) -> None:
        """Keras calls this after an epoch, and after what is not a whole one.

        Before the first epoch it looks at a few batches to learn their shapes; with
        steps_per_epoch it stops halfway and goes on from there.
        """
        if self._in_epoch and len(self._read) == len(self):
            self.epoch += 1
            self._read = set()
        self._in_epoch = False

    @property
    def use_multiprocessing(self) -> bool:
        """Always False: a worker process would not learn that an epoch has ended."""
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            raise WindowError(
                "use_multiprocessing must be False: worker processes would read the first epoch "
                "again and again; for parallel reads set workers alone"
            )

    def _check_order(self, number: int) -> None:
        threads = max(1, self.workers)  # which may overtake one another
        if number >= len(self._read) + threads:
            raise WindowError(
                "these batches are shuffled already, and fit would shuffle them again, in an order "
                "that no seed repeats; type fit(..., shuffle=False)"
            )
