"""A drop-in for `keras.utils.timeseries_dataset_from_array`: the same batches, much faster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jena_etl.errors import WindowError
from jena_etl.windows.batches import WindowBatches
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import WindowReader
from jena_etl.windows.sampler import BatchSampler
from jena_etl.windows.spec import input_steps, whole_number


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
    segments: Iterable[range | tuple[int, int]] | None = None,
    epoch: int = 0,
    start_batch: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> Any:
    """Batches of sliding windows over an array, with the meaning of Keras 3.15's function.

    Use it where `keras.utils.timeseries_dataset_from_array` stands today: the arguments up to
    `format` are Keras' own, and unshuffled the batches are the same ones, only sooner. What is
    keyword-only is ours.

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
        data: The series, of shape (rows, ...). A `numpy.memmap` stays on disk.
        targets: `targets[s]` belongs to the window that starts at row s, so that a window whose
            start row has no target is left out; or None, for inputs alone. With `horizon` they
            are the forecast quantity itself, one value for each row of `data`.
        sequence_length: Inputs in a window.
        sequence_stride: Rows from the start of one window to the start of the next.
        sampling_rate: Rows from one input of a window to the next.
        batch_size: Windows in a batch; the last batch may be short. None gives single windows.
        shuffle: Whether each pass has an order of its own, which depends on `seed` and the epoch
            alone, or runs in the order of time.
        seed: Of the shuffle; None draws one.
        start_index: The first row used.
        end_index: The row before which inputs end. It has to lie inside the data.
        format: "tf" for a `tf.data.Dataset`, "numpy" for an iterable of NumPy batches.
        horizon: How many sampled steps after its last input a window's target lies. Several steps
            give targets of shape (batch, steps, ...).
        order: "forward", or "reversed" for windows that begin with the last input.
        segments: Row ranges, or (first, end) pairs, which no window may cross, its target
            included. `segments_from_timestamps` finds those of a series with holes.
        epoch: The number of the first pass; each further pass is the next one.
        start_batch: The batch with which the first pass begins, to go on with a run that was cut
            off.
        shard: (number, count) gives one worker its part: of the epoch's order the windows
            number, number + count, and so on.

    Returns:
        An iterable of (inputs, targets), inputs of shape (batch, sequence_length, ...), or of
        inputs alone where there are no targets.

    Raises:
        WindowError: An argument is out of its range. It is a ValueError whose message begins with
            Keras' words. It is also raised where no window fits and Keras gives an empty dataset.
    """
    values = _as_array("data", data)
    known = None if targets is None else _as_array("targets", targets)
    rows = len(values)
    sequence_length = whole_number("sequence_length", sequence_length, 1)
    sequence_stride = whole_number("sequence_stride", sequence_stride, 1)
    sampling_rate = whole_number("sampling_rate", sampling_rate, 1)
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if value >= rows:
            raise WindowError(
                f"`{name}` must be lower than the length of the data, found {value} for {rows} rows"
            )
    if format not in {"tf", "numpy"}:
        hint = "; for grain, wrap the NumPy batches: format='numpy'" if format == "grain" else ""
        raise WindowError(f'`format` should be either "tf" or "numpy", found {format!r}{hint}')
    used = _used_rows(start_index, end_index, rows)
    last_input = (sequence_length - 1) * sampling_rate
    ahead = _target_offsets(horizon, last_input, sampling_rate, known)
    index = _window_index(
        used,
        None if segments is None else _ranges(segments, used),
        stride=sequence_stride,
        last_input=last_input,
        last_target=int(np.max(ahead)),
        targets=None if known is None else len(known),
    )
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    sampler = BatchSampler(
        index=index,
        batch_size=1 if batch_size is None else batch_size,
        shuffle=shuffle,
        seed=seed,
        epoch=epoch,
        start_batch=start_batch,
        shard=shard,
    )
    batches = WindowBatches(
        sampler,
        WindowReader(values, input_steps(sequence_length, sampling_rate, order)),
        None if known is None else WindowReader(known, np.array(ahead)),
        unbatched=batch_size is None,
    )
    return batches.dataset() if format == "tf" else batches


def _as_array(name: str, values: Any) -> np.ndarray:
    array = _narrowed(values) if isinstance(values, list | tuple | range) else np.asanyarray(values)
    if array.dtype.kind not in "biufc":
        raise WindowError(f"`{name}` must hold numbers, found dtype {array.dtype}")
    if array.dtype.char in "gG":
        known = "float64" if array.dtype.kind == "f" else "complex128"
        raise WindowError(
            f"`{name}` must hold numbers that TensorFlow knows, found dtype {array.dtype}; "
            f"convert them: {name}.astype({known!r})"
        )
    if array.ndim == 0:
        raise WindowError(f"`{name}` must have an axis of rows, found a single value")
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


def _used_rows(start_index: int | None, end_index: int | None, rows: int) -> range:
    first = 0 if start_index is None else whole_number("start_index", start_index, 0)
    if start_index is not None and first >= rows:
        raise WindowError(
            "`start_index` must be lower than the length of the data, "
            f"found {first} for {rows} rows"
        )
    if end_index is None:
        return range(first, rows)
    end = whole_number("end_index", end_index, 1)
    if end <= first:
        raise WindowError(f"`end_index` must be higher than `start_index`, found {end} and {first}")
    if end >= rows:
        raise WindowError(
            f"`end_index` must be lower than the length of the data, found {end} for {rows} rows"
        )
    return range(first, end)


def _target_offsets(
    horizon: int | Sequence[int] | None, last_input: int, sampling_rate: int, targets: Any
) -> int | list[int]:
    """Rows from a window's start to its target, or to each of its targets."""
    if horizon is None:
        return 0
    if targets is None:
        raise WindowError("`horizon` needs targets: give the column that is forecast")
    if np.ndim(horizon) == 0:
        return last_input + sampling_rate * whole_number("horizon", horizon, 1)
    steps = [whole_number("horizon", step, 1) for step in horizon]  # type: ignore[union-attr]
    if not steps:
        raise WindowError("`horizon` must name a step or several, say 24 or (1, 6, 24), found none")
    return [last_input + sampling_rate * step for step in steps]


def _ranges(segments: Iterable[range | tuple[int, int]], used: range) -> list[range]:
    """The segments as ranges, without the rows before `used`."""
    ranges: list[range] = []
    after = 0
    for segment in segments:
        first, end = _bounds(segment)
        if first >= end or end > used.stop:
            raise WindowError(f"`segments` must have first < end <= {used.stop}, found {segment}")
        if first < after:
            raise WindowError(
                f"`segments` must follow each other, found {segment} after one that ends at {after}"
            )
        after = end
        ranges.append(range(max(used.start, first), end))
    return ranges


def _bounds(segment: Any) -> tuple[int, int]:
    if isinstance(segment, range) and segment.step == 1:
        return segment.start, segment.stop
    try:
        # A range of step 2 that holds two rows would pass for a pair.
        first, end = (None, None) if isinstance(segment, range) else segment
        return whole_number("segments", first, 0), whole_number("segments", end, 0)
    except (TypeError, ValueError):
        raise WindowError(
            "`segments` must be ranges of step 1 or (first, end) pairs of row numbers, "
            f"found {segment!r}"
        ) from None


def _window_index(
    used: range,
    segments: list[range] | None,
    *,
    stride: int,
    last_input: int,
    last_target: int,
    targets: int | None,
) -> WindowIndex:
    """The windows that lie in the rows used, in one segment each, and have a target.

    Args:
        used: The rows that inputs may come from. As in the reference, a target may lie behind.
        segments: Stretches of them that a window may not leave, not even for its target.
        stride: Rows from one window to the next.
        last_input: Rows from a window's start to its last input.
        last_target: Rows from a window's start to its last target.
        targets: How many targets there are, None for windows without any.

    Raises:
        WindowError: There is no such window; says which argument is at fault.
    """
    reach = last_input if segments is None else max(last_input, last_target)
    held = [used] if segments is None else segments
    ends = [
        stretch.stop - reach
        if targets is None
        else min(stretch.stop - reach, targets - last_target)
        for stretch in held
    ]
    index = WindowIndex(
        range(stretch.start, end, stride) for stretch, end in zip(held, ends, strict=True)
    )
    if len(index):
        return index
    longest = max(map(len, held), default=0)
    found = f"rows {used.start} to {used.stop} are used"
    if segments is not None:
        found = f"the longest of the {len(segments)} segments has {longest} rows"
    if last_input >= longest:
        cause = f"`sequence_length` and `sampling_rate` make it span {last_input + 1} rows"
        remedy = "use longer data or a shorter `sequence_length`"
    elif reach >= longest:
        cause = f"`horizon` puts its target {last_target} rows after its start"
        remedy = "use longer segments or a shorter `horizon`"
    else:
        cause = f"its target lies {last_target} rows after its start"
        found += f", and targets have {targets} rows"
        remedy = "give more targets" if not last_target else "use a shorter `horizon`"
    raise WindowError(f"no window fits: {cause}, but {found}; {remedy}")
