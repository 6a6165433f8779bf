"""A drop-in for `keras.utils.timeseries_dataset_from_array`: the same batches, much faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.batches import Feed
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import WindowReader
from jena_etl.windows.sampler import BatchSampler, whole_number
from jena_etl.windows.spec import input_steps


def timeseries_dataset_from_array(  # noqa: PLR0917  Keras' signature
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,  # noqa: FBT001, FBT002  Keras' signature
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",  # noqa: A002  Keras' signature
    *,
    horizon: int | Sequence[int] | None = None,
    order: str = "forward",
    segments: Sequence[tuple[int, int]] | None = None,
    epoch: int = 0,
    start_batch: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> Any:
    """Batches of sliding windows over an array, with the meaning of Keras 3.15's function.

    >>> numbers = np.arange(10)
    >>> batches = timeseries_dataset_from_array(
    ...     numbers[:-3], numbers[3:], sequence_length=3, batch_size=2, format="numpy"
    ... )
    >>> for inputs, targets in batches:
    ...     for sequence, target in zip(inputs, targets, strict=True):
    ...         print(sequence, target)
    [0 1 2] 3
    [1 2 3] 4
    [2 3 4] 5
    [3 4 5] 6
    [4 5 6] 7

    Args:
        data: (rows, ...); a numpy.memmap stays on disk.
        targets: (rows, ...), targets[s] belonging to the window that starts at row s; or None.
        sequence_length: inputs per window.
        sequence_stride: rows from the start of one window to the start of the next.
        sampling_rate: rows from one input to the next.
        batch_size: windows in a batch, the last one may be short; None yields single windows.
        shuffle: a new order each pass, a pure function of seed and epoch; else time order.
        seed: of the shuffle; None draws one.
        start_index: the first row used.
        end_index: the row before which inputs end; it must lie inside the data.
        format: "tf" for a tf.data.Dataset, "numpy" for an iterable of NumPy batches.
        horizon: targets hold a value per row of the data, and the target lies this many sampled
            steps after the last input; several steps give targets (batch, steps, ...).
        order: forward, or reversed: the last input first.
        segments: (first, end) row ranges that no window may cross, its target included.
        epoch: the number of the first pass; each further pass adds one.
        start_batch: where the first pass begins, to go on with a run that was cut off.
        shard: (number, count): every count-th window of the epoch's order, from number on.

    Returns:
        An iterable of (inputs, targets), inputs (batch, sequence_length, ...); without targets, of
        inputs alone.

    Raises:
        WindowError: a ValueError that says the argument, what was given and what is allowed. It
            is raised too where Keras gives an empty dataset (no window fits) or leaves windows
            out (targets too short).
    """
    values = _as_array("data", data)
    rows = len(values)
    sequence_length = whole_number("sequence_length", sequence_length, 1)
    sequence_stride = whole_number("sequence_stride", sequence_stride, 1)
    sampling_rate = whole_number("sampling_rate", sampling_rate, 1)
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if value >= rows:
            raise WindowError(f"{name} must be lower than the {rows} rows of data, found {value}")
    if format not in {"tf", "numpy"}:
        hint = "; for grain, wrap the NumPy batches: format='numpy'" if format == "grain" else ""
        raise WindowError(f"format must be 'tf' or 'numpy', found {format!r}{hint}")
    first, end = _bounds(start_index, end_index, rows)
    inputs = input_steps(sequence_length, sampling_rate, order)
    reach = int(inputs.max())
    known = None if targets is None else _as_array("targets", targets)
    target_steps = _target_steps(horizon, reach, sampling_rate, known)
    index = WindowIndex(
        range(begin, stop, sequence_stride)
        for begin, stop in _runs(
            first, end, segments, reach=reach, target_steps=target_steps, targets=known
        )
    )
    if not len(index):
        raise WindowError(
            f"no window fits: sequence_length {sequence_length} at sampling_rate {sampling_rate} "
            f"spans {reach + 1} rows{_with_target(target_steps)}, rows {first} to {end} are given; "
            "use longer data or a shorter sequence_length"
        )
    if known is not None and horizon is None:
        _check_cover(known, index)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    plan = BatchSampler(
        index=index,
        batch_size=1 if batch_size is None else batch_size,
        shuffle=shuffle,
        seed=seed,
        epoch=epoch,
        start_batch=start_batch,
        shard=shard,
    )
    feed = Feed(
        plan,
        WindowReader(values, inputs),
        None if known is None else WindowReader(known, target_steps),
        unbatched=batch_size is None,
    )
    return feed.tensorflow() if format == "tf" else feed.numpy()


def _as_array(name: str, values: Any) -> np.ndarray:
    array = _narrowed(values) if isinstance(values, list | tuple | range) else np.asanyarray(values)
    if array.dtype.kind not in "biufc":
        raise WindowError(f"{name} must hold numbers, found dtype {array.dtype}")
    if array.ndim == 0:
        raise WindowError(f"{name} must have an axis of rows, found a single value")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _narrowed(values: Sequence[Any]) -> np.ndarray:
    """An array of a list as TensorFlow reads it: its first number decides.

    Python's numbers become float32 and int32, or int64 where they need it; NumPy's floats and
    arrays keep their dtype.
    """
    array = np.asarray(values)
    number: Any = values
    while isinstance(number, list | tuple | range) and number:
        number = number[0]
    if array.dtype == np.float64 and type(number) in {float, int}:
        return array.astype(np.float32)
    if array.dtype == np.int64 and isinstance(number, int | np.integer):
        narrow = array.astype(np.int32)
        return narrow if (narrow == array).all() else array
    return array


def _bounds(start_index: int | None, end_index: int | None, rows: int) -> tuple[int, int]:
    first = 0 if start_index is None else whole_number("start_index", start_index, 0)
    if start_index is not None and first >= rows:
        raise WindowError(f"start_index must be lower than the {rows} rows of data, found {first}")
    if end_index is None:
        return first, rows
    end = whole_number("end_index", end_index, 1)
    if end <= first:
        raise WindowError(f"end_index must be higher than start_index, found {end} and {first}")
    if end >= rows:
        raise WindowError(f"end_index must be lower than the {rows} rows of data, found {end}")
    return first, end


def _target_steps(
    horizon: int | Sequence[int] | None, reach: int, sampling_rate: int, targets: np.ndarray | None
) -> np.ndarray:
    """Rows from a window's start to its targets: (), or (steps,)."""
    if horizon is None:
        return np.array(0)
    if targets is None:
        raise WindowError("horizon needs targets: give the column that is forecast")
    several = np.ndim(horizon) > 0
    ahead = list(horizon) if several else [horizon]  # type: ignore[arg-type]
    if not ahead:
        raise WindowError("horizon names no step; give one or more, say 24 or (1, 6, 24)")
    steps = [reach + sampling_rate * whole_number("horizon", step, 1) for step in ahead]
    return np.array(steps if several else steps[0])


def _runs(
    first: int,
    end: int,
    segments: Sequence[tuple[int, int]] | None,
    *,
    reach: int,
    target_steps: np.ndarray,
    targets: np.ndarray | None,
) -> list[tuple[int, int]]:
    """The start rows of the windows: (first, one past the last) of each run."""
    last_target = int(target_steps.max())
    if segments is None:
        stop = end - reach
        # As in the reference, a target may lie beyond end_index.
        return [(first, min(stop, len(targets) - last_target) if last_target else stop)]  # type: ignore[arg-type]
    runs = []
    after = 0
    for segment in segments:
        try:
            begin, stop = segment
        except (TypeError, ValueError):
            raise WindowError(f"segments must be (first, end) pairs, found {segment!r}") from None
        begin = whole_number("a bound of segments", begin, 0)
        stop = whole_number("a bound of segments", stop, 0)
        if begin >= stop or stop > end:
            raise WindowError(
                f"segments must be (first, end) with first < end <= {end}, found {segment}"
            )
        if begin < after:
            raise WindowError(f"segments must follow each other, found {segment} after row {after}")
        after = stop
        if targets is not None and last_target and stop > len(targets):
            raise WindowError(f"targets have {len(targets)} rows, segment {segment} needs {stop}")
        runs.append((max(first, begin), stop - max(reach, last_target)))
    return runs


def _check_cover(targets: np.ndarray, index: WindowIndex) -> None:
    last = int(index.starts(np.array([len(index) - 1]))[0])
    if last >= len(targets):
        raise WindowError(
            f"targets have {len(targets)} rows, the last window starts at row {last}: give a "
            "target for each window's start, or cut the data to rows that have one (data[:-k])"
        )


def _with_target(target_steps: np.ndarray) -> str:
    last = int(target_steps.max())
    return f", {last + 1} with its target" if last else ""
