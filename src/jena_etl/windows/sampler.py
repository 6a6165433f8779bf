"""Which windows a batch holds: a pure function of (seed, epoch, batch number)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.shuffle import shuffled
from jena_etl.windows.spec import whole_number

SEEDS = 1 << 32  # as in NumPy and Keras


@dataclass(frozen=True, kw_only=True)
class BatchSampler:
    """The batches of each epoch.

    Attributes:
        index: the windows, in time order.
        batch_size: windows per batch; the last batch may be short.
        shuffle: whether every epoch has its own random order, or all of them time order.
        seed: the seed of the shuffle.
        epoch: the epoch of the first pass; each further pass is the next one.
        start_batch: the batch at which the first pass begins; later passes begin at 0.
        shard: (number, count): this worker reads the windows number, number + count, ... of the
            epoch's order.

    Raises:
        WindowError: a value is out of range, or no window is left to read.
    """

    index: WindowIndex
    batch_size: int
    shuffle: bool = False
    seed: int = 0
    epoch: int = 0
    start_batch: int = 0
    shard: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("seed", 0), ("epoch", 0), ("start_batch", 0)):
            # Python's int, because NumPy's small integers would overflow in the sums below.
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        if self.seed >= SEEDS:
            raise WindowError(f"`seed` must be lower than 2**32, found {self.seed}")
        try:
            number, count = (whole_number("shard", part, 0) for part in self.shard)
        except (TypeError, ValueError):
            number = count = 0
        if number >= count:
            raise WindowError(
                "`shard` must be (number, count), whole numbers with number below count, "
                f"found {self.shard!r}"
            )
        if not self.windows:
            raise WindowError(
                f"no window is left: {len(self.index)} windows for {count} shards; "
                "use longer data, shorter windows or fewer shards"
            )
        if self.start_batch >= self.batches:
            raise WindowError(
                f"`start_batch` is {self.start_batch}, but a pass has {self.batches} batches, "
                f"0 to {self.batches - 1}; after the last one comes epoch {self.epoch + 1}, batch 0"
            )

    @property
    def windows(self) -> int:
        """Windows in a whole pass."""
        number, count = self.shard
        return len(range(number, len(self.index), count))

    @property
    def batches(self) -> int:
        """Batches in a whole pass."""
        return -(-self.windows // self.batch_size)

    def starts(self, epoch: int, first: int, last: int) -> np.ndarray:
        """The start rows of all windows in the batches [first, last), int64 (windows,)."""
        number, count = self.shard
        ranks = np.arange(first * self.batch_size, min(last * self.batch_size, self.windows))
        positions = ranks * count + number
        if self.shuffle:
            positions = shuffled(positions, len(self.index), seed=self.seed, epoch=epoch)
        return self.index.starts(positions)
