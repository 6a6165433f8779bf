"""The windows of one split, of one series or of several, over arrays that stay on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.signatures import takes_arguments_of
from jena_etl.windows.batches import WindowBatches
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import SeveralReaders, WindowReader
from jena_etl.windows.sampler import BatchSampler
from jena_etl.windows.spec import WindowSpec, input_steps


class SplitWindows(ABC):
    """The windows of one split: `SeriesWindows` of one series, `PooledWindows` of several.

    Attributes:
        spec: the window.
        index: the start rows of the windows; of several series, counted over all of them.
    """

    spec: WindowSpec
    index: WindowIndex

    @property
    @abstractmethod
    def feature_count(self) -> int:
        """How many features a window has at each step."""

    @abstractmethod
    def last_observations(self) -> np.ndarray:
        """The target column at each window's last input, float32 (windows,), in order."""

    @abstractmethod
    def observations(self) -> np.ndarray:
        """What is to be forecast from each window, float32 (windows,), in order."""

    @abstractmethod
    def readers(self, order: str) -> tuple[Any, Any]:
        """What reads the windows' inputs and their targets, given their start rows."""

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        """One line, because the arrays would fill the screen."""
        shape = (self.spec.sequence_length, self.feature_count)
        return f"<{type(self).__name__}: {len(self):,} windows of {shape}, {self.spec!r}>"

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
                the epoch; otherwise windows come in time order, one series after the other.
            seed: The seed of the shuffle.
            epoch: The epoch of the first pass; each further pass is the next one.
            start_batch: The batch at which the first pass begins, to resume an interrupted run.
            shard: (number, count), for one of `count` workers, counted from 0: it reads the windows
                number, number + count, ... of the epoch's order. Give all workers the same `seed`,
                and each its part of the batch as `batch_size`. One worker may have a batch more
                than another.
            order: "forward", or "reversed" for windows that begin with the latest input.

        Raises:
            WindowError: An argument is out of range.
        """
        inputs, targets = self.readers(order)
        sampler = BatchSampler(
            index=self.index,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            epoch=epoch,
            start_batch=start_batch,
            shard=shard,
        )
        return WindowBatches(sampler, inputs, targets)

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

        # Under TensorFlow, too: what dvc.yaml declares must not depend on the backend.
        from jena_etl.windows.keras_dataset import KerasDataset

        batches = self.batches(*args, **options)
        on_tensorflow = keras.config.backend() == "tensorflow"
        return batches.dataset() if on_tensorflow else KerasDataset(batches)


@dataclass(frozen=True, repr=False)
class SeriesWindows(SplitWindows):
    """The windows of one split of one series.

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

    @property
    def feature_count(self) -> int:
        """How many features a window has at each step."""
        return int(self.features.shape[2])

    def issued_rows(self) -> np.ndarray:
        """The row of each window's last input, int64 (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.last_input

    def target_rows(self) -> np.ndarray:
        """The row of each window's target, int64 (windows,), in time order."""
        return self.index.starts(np.arange(len(self))) + self.spec.target

    def last_observations(self) -> np.ndarray:
        """The target column at each window's last input, float32 (windows,), in time order."""
        values: np.ndarray = self.targets[self.issued_rows()]
        return values

    def observations(self) -> np.ndarray:
        """What is to be forecast from each window, float32 (windows,), in time order."""
        values: np.ndarray = self.targets[self.target_rows()]
        return values

    def readers(self, order: str) -> tuple[WindowReader, WindowReader]:
        """What reads the windows' inputs and their targets, given their start rows."""
        spec = self.spec
        steps = input_steps(spec.sequence_length, spec.sampling_rate, order)
        return (
            WindowReader(self.features, steps, phases=spec.sampling_rate),
            WindowReader(self.targets, np.array(spec.target)),
        )


class PooledWindows(SplitWindows):
    """The windows of one split of several series, read as if the series followed each other.

    A window lies within one series. An epoch shuffles over all of them.

    Attributes:
        parts: the windows of each series by its name, all of the same shape.

    Raises:
        WindowError: there is no series, or their windows differ in shape.
    """

    def __init__(self, parts: Mapping[str, SeriesWindows]) -> None:
        shapes = {name: (part.spec, part.feature_count) for name, part in parts.items()}
        if not shapes:
            raise WindowError("no series is named; name at least one")
        first, *others = shapes
        for other in others:
            if shapes[other] != shapes[first]:
                raise WindowError(
                    f"the windows of {other} are {shapes[other][0]!r} with {shapes[other][1]} "
                    f"features, those of {first} {shapes[first][0]!r} with {shapes[first][1]}; "
                    "series are read together only if their windows have the same shape"
                )
        self.parts = parts
        self._series = list(parts.values())
        # The row at which each series begins, counted over all of them.
        self._first_rows = np.cumsum([0, *(len(part.targets) for part in self._series[:-1])])
        self.spec = self._series[0].spec
        self.index = WindowIndex(
            range(run.start + row, run.stop + row, run.step)
            for part, row in zip(self._series, self._first_rows.tolist(), strict=True)
            for run in part.index.runs
        )

    @property
    def feature_count(self) -> int:
        """How many features a window has at each step."""
        return self._series[0].feature_count

    def last_observations(self) -> np.ndarray:
        """The target column at each window's last input, float32 (windows,), series by series."""
        return np.concatenate([part.last_observations() for part in self._series])

    def observations(self) -> np.ndarray:
        """What is to be forecast from each window, float32 (windows,), series by series."""
        return np.concatenate([part.observations() for part in self._series])

    def readers(self, order: str) -> tuple[SeveralReaders, SeveralReaders]:
        """What reads the windows' inputs and their targets, given their start rows."""
        inputs, targets = zip(*(part.readers(order) for part in self._series), strict=True)
        return SeveralReaders(inputs, self._first_rows), SeveralReaders(targets, self._first_rows)
