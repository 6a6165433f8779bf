"""Test your own data feed against windows worked out the slow way, row by row.

`windows_by_walking` follows the documentation literally and shares no code with the loader, so its
windows are an independent check on any batches built with `jena_etl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def windows_by_walking(
    data: np.ndarray,
    targets: np.ndarray | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    *,
    start_index: int | None = None,
    end_index: int | None = None,
    horizon: int | Sequence[int] | None = None,
    order: str = "forward",
    segments: Sequence[tuple[int, int]] | None = None,
) -> list[Any]:
    """The windows that `timeseries_dataset_from_array` gives, unbatched and in time order.

    It takes that function's arguments and does not check them.

    Returns:
        A list of (inputs, target) pairs with inputs of shape (sequence_length, ...), or of inputs
        alone if there are no targets.

    >>> windows_by_walking(np.arange(5), np.arange(5) * 10, 2, sampling_rate=2)
    [(array([0, 2]), np.int64(0)), (array([1, 3]), np.int64(10)), (array([2, 4]), np.int64(20))]
    """
    first = start_index or 0
    end = len(data) if end_index is None else end_index
    windows: list[Any] = []
    for segment_start, segment_end in [(first, end)] if segments is None else segments:
        start = max(segment_start, first)
        while True:
            inputs = [start + step * sampling_rate for step in range(sequence_length)]
            if inputs[-1] >= segment_end:
                break
            if horizon is None:
                target: Any = start
            elif isinstance(horizon, int):
                target = inputs[-1] + horizon * sampling_rate
            else:
                target = [inputs[-1] + step * sampling_rate for step in horizon]
            if targets is not None:
                if np.max(target) >= len(targets):
                    break
                if segments is not None and np.max(target) >= segment_end:
                    break
            window = data[inputs if order == "forward" else inputs[::-1]]
            windows.append(window if targets is None else (window, targets[target]))
            start += sequence_stride
    return windows
