"""Batches of windows as a keras.utils.PyDataset; importing this module imports Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from jena_etl.errors import WindowError

if TYPE_CHECKING:
    from jena_etl.windows.batches import WindowBatches


class KerasDataset(keras.utils.PyDataset):
    """Batches by number, the same under every Keras backend.

    Once Keras ends an epoch in which it has read every batch, the next epoch begins.

    Args:
        batches: the batches to serve; their start_batch must be 0.

    Attributes:
        epoch: the epoch that is being read.

    Raises:
        WindowError: start_batch is not 0, although Keras expects as many batches in every epoch.
            Raised later, if `fit` shuffles shuffled batches again or use_multiprocessing is set.
    """

    def __init__(self, batches: WindowBatches) -> None:
        super().__init__()
        if batches.sampler.start_batch:
            raise WindowError(
                f"start_batch must be 0 for a PyDataset, found {batches.sampler.start_batch}; "
                "use a tf.data.Dataset, which can begin at any batch"
            )
        self.epoch = batches.sampler.epoch
        self._batches = batches
        self._in_epoch = False
        self._read: set[int] = set()

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Any:
        number = range(len(self))[number]
        threads = max(1, self.workers)  # they may overtake one another
        is_shuffled = self._in_epoch and self._batches.sampler.shuffle
        if is_shuffled and number >= len(self._read) + threads:
            raise WindowError(
                "these batches are shuffled already, and fit would shuffle them again, in an order "
                "that no seed reproduces; call fit(..., shuffle=False)"
            )
        self._read.add(number)
        return self._batches.batch(number, epoch=self.epoch)

    def on_epoch_begin(self) -> None:
        """Keras calls this before it reads an epoch."""
        self._in_epoch = True

    def on_epoch_end(self) -> None:
        """Keras calls this after each epoch, even an incomplete one.

        Before the first epoch it reads a few batches to learn their shapes, and with
        steps_per_epoch it stops partway and later resumes there.
        """
        if self._in_epoch and len(self._read) == len(self):
            self.epoch += 1
            self._read = set()
        self._in_epoch = False

    @property
    def use_multiprocessing(self) -> bool:
        """Always False, because a worker process would never learn that an epoch has ended."""
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            raise WindowError(
                "use_multiprocessing must be False: worker processes would read the first epoch "
                "again and again; to read in parallel, set only workers"
            )
