"""The drop-in compared with Keras' own function, and its additions with a walk over the rows."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jena_etl import segments_from_timestamps, timeseries_dataset_from_array
from jena_etl.errors import WindowError
from jena_etl.testing import windows_by_walking

DTYPES = ("f2", "f4", "f8", "i1", "i4", "i8", "u2", "?", "c8", "c16")
ITEMS: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (2, 3), (2, 1, 3))

Pair = tuple[np.ndarray, np.ndarray]


def numbers(rows: int, item: tuple[int, ...] = (), dtype: str = "f4") -> np.ndarray:
    """Whole numbers below 120 (bools for "?"), different for each number of rows."""
    values = np.random.default_rng(rows).integers(0, 120, (rows, *item))
    if dtype == "?":
        return values > 60
    return (values + 1j * values[::-1] if dtype.startswith("c") else values).astype(dtype)


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and bool(np.array_equal(found, expected))
    )


def assert_batches_are(batches: Iterable[Any], windows: list[Any], batch_size: int | None) -> None:
    """The batches hold these windows in this order; only the last batch may be short."""
    found = list(batches)
    if batch_size is None:
        expected = windows
    else:
        cuts = [windows[at : at + batch_size] for at in range(0, len(windows), batch_size)]
        expected = [
            tuple(np.stack(part) for part in zip(*cut, strict=True))
            if isinstance(cut[0], tuple)
            else np.stack(cut)
            for cut in cuts
        ]
    assert len(found) == len(expected)
    for batch, wanted in zip(found, expected, strict=True):
        if isinstance(wanted, tuple):
            assert isinstance(batch, tuple)
            assert len(batch) == len(wanted)
        pairs = zip(batch, wanted, strict=True) if isinstance(wanted, tuple) else [(batch, wanted)]
        assert all(same(np.asarray(one), np.asarray(other)) for one, other in pairs)


@st.composite
def calls(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments that Keras accepts; with some of them, no window fits."""
    rows = draw(st.integers(2, 40))
    data = numbers(rows, draw(st.sampled_from(ITEMS)), draw(st.sampled_from(DTYPES)))
    targets = None
    if draw(st.booleans()):
        length = draw(st.sampled_from([rows, rows, rows + 3, max(1, rows // 2)]))
        targets = numbers(length, draw(st.sampled_from(ITEMS)), draw(st.sampled_from(DTYPES)))
    end = draw(st.none() | st.integers(1, rows - 1))
    return {
        "data": data,
        "targets": targets,
        "sequence_length": draw(st.integers(1, 8)),
        "sequence_stride": draw(st.integers(1, min(4, rows - 1))),
        "sampling_rate": draw(st.integers(1, min(4, rows - 1))),
        "batch_size": draw(st.none() | st.integers(1, 9)),
        "start_index": draw(st.none() | st.integers(0, (end or rows) - 1)),
        "end_index": end,
    }


def walk(call: dict[str, Any]) -> list[Any]:
    """The windows that a call should yield."""
    return windows_by_walking(**{key: value for key, value in call.items() if key != "batch_size"})


@given(calls())
def test_windows_are_those_of_a_walk_over_the_rows(call: dict[str, Any]) -> None:
    windows = walk(call)
    if not windows:
        with pytest.raises(WindowError, match="no window fits"):
            timeseries_dataset_from_array(**call, format="numpy")
        return
    batches = timeseries_dataset_from_array(**call, format="numpy")
    assert_batches_are(batches, windows, call["batch_size"])


@settings(max_examples=25)
@given(calls())
def test_batches_are_those_of_keras(call: dict[str, Any]) -> None:
    import keras

    windows = walk(call)
    if not windows:  # Keras gives an empty dataset
        with pytest.raises(WindowError):
            timeseries_dataset_from_array(**call)
        return
    if call["targets"] is not None:
        used = call["targets"][call["start_index"] or 0 : call["end_index"]]
        # Keras counts the targets from start_index on, and fails later if there are too few.
        assume(len(windows) == len(walk({**call, "targets": None})) or not call["start_index"])
        assume(len(used) > (len(windows) - 1) * call["sequence_stride"])
    expected = list(keras.utils.timeseries_dataset_from_array(**call))
    found = list(timeseries_dataset_from_array(**call))
    assert len(found) == len(expected)
    for batch, wanted in zip(found, expected, strict=True):
        assert type(batch) is type(wanted)
        pairs = zip(batch, wanted, strict=True) if isinstance(batch, tuple) else [(batch, wanted)]
        assert all(same(one.numpy(), other.numpy()) for one, other in pairs)


@pytest.mark.parametrize("batch_size", [None, 1, 7, 64])
@pytest.mark.parametrize("targets", [None, numbers(50, (2,), "f8")])
def test_shuffled_windows_are_those_of_keras_in_another_order(
    batch_size: int | None, targets: np.ndarray | None
) -> None:
    import keras

    call: dict[str, Any] = {
        "data": np.arange(50) * 1.5,
        "targets": targets,
        "sequence_length": 4,
        "sampling_rate": 3,
        "batch_size": batch_size,
        "shuffle": True,
        "seed": 3,
    }

    def windows(dataset: Any) -> list[bytes]:
        if batch_size is not None:
            dataset = dataset.unbatch()
        return [b"".join(np.asarray(part).tobytes() for part in window) for window in dataset]

    found = windows(timeseries_dataset_from_array(**call))
    expected = windows(keras.utils.timeseries_dataset_from_array(**call))
    assert sorted(found) == sorted(expected)
    assert len(set(found)) == 41
    in_order = windows(timeseries_dataset_from_array(**{**call, "shuffle": False}))
    assert found != in_order
    assert sorted(found) == sorted(in_order)


def test_signature_begins_with_that_of_keras() -> None:
    import keras

    of_keras = inspect.signature(keras.utils.timeseries_dataset_from_array).parameters.values()
    ours = list(inspect.signature(timeseries_dataset_from_array).parameters.values())
    assert [(argument.name, argument.default) for argument in ours[: len(of_keras)]] == [
        (argument.name, argument.default) for argument in of_keras
    ]
    assert all(argument.kind is argument.KEYWORD_ONLY for argument in ours[len(of_keras) :])


# What Keras also refuses with a ValueError, and what our message says.
REFUSED_BY_BOTH: dict[str, tuple[dict[str, Any], str]] = {
    "rate 0": (
        {"sampling_rate": 0},
        "`sampling_rate` must be a whole number of at least 1, found 0",
    ),
    "rate -1": ({"sampling_rate": -1}, "`sampling_rate` must be .* found -1"),
    "rate of all rows": (
        {"sampling_rate": 20},
        "`sampling_rate` must be lower than the length of the data, found 20 for 20",
    ),
    "stride 0": ({"sequence_stride": 0}, "`sequence_stride` must be .* found 0"),
    "stride of all rows": (
        {"sequence_stride": 20},
        "`sequence_stride` must be lower than the length of the data, found 20",
    ),
    "start -1": ({"start_index": -1}, "`start_index` must be a whole number of at least 0"),
    "start 20": (
        {"start_index": 20},
        "`start_index` must be lower than the length of the data, found 20 for 20",
    ),
    "end -1": ({"end_index": -1}, "`end_index` must be a whole number of at least 1, found -1"),
    "end 20": (
        {"end_index": 20},
        "`end_index` must be lower than the length of the data, found 20",
    ),
    "end at start": (
        {"start_index": 5, "end_index": 5},
        "`end_index` must be higher than `start_index`, found 5 and 5",
    ),
    "no rows": (
        {"data": []},
        "`sampling_rate` must be lower than the length of the data, found 1 for 0 rows",
    ),
    "one row": (
        {"data": [1.0]},
        "`sampling_rate` must be lower than the length of the data, found 1 for 1 rows",
    ),
    "format": ({"format": "torch"}, '`format` should be either "tf" or "numpy", found .torch.'),
    "seed": ({"shuffle": True, "seed": 2**32}, r"`seed` must be lower than 2\*\*32"),
    "negative seed": ({"shuffle": True, "seed": -1}, "`seed` must be a whole number of at least 0"),
    "timestamps": (
        {"data": np.arange(20).astype("M8[s]")},
        "`data` must hold numbers, found dtype date",
    ),
    "objects": (
        {"data": np.array([object()] * 20)},
        "`data` must hold numbers, found dtype object",
    ),
    "ragged": ({"data": [[1.0], [1.0, 2.0], [3.0]]}, "inhomogeneous"),
}


@pytest.mark.parametrize("name", REFUSED_BY_BOTH)
def test_what_keras_refuses_is_refused(name: str) -> None:
    import keras

    given_, message = REFUSED_BY_BOTH[name]
    call = {"data": numbers(20), "targets": None, "sequence_length": 3, **given_}
    with pytest.raises(ValueError):  # noqa: PT011  Keras' own words
        keras.utils.timeseries_dataset_from_array(**call)
    with pytest.raises(ValueError, match=message):
        timeseries_dataset_from_array(**call)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "length 0": ({"sequence_length": 0}, "`sequence_length` must be a whole number .* found 0"),
    "length 2.0": ({"sequence_length": 2.0}, "`sequence_length` must be .* found 2.0"),
    "length True": ({"sequence_length": True}, "`sequence_length` must be .* found True"),
    "longer than the data": (
        {"sequence_length": 21},
        "no window fits: `sequence_length` .* make it span 21 rows, but rows 0 to 20 are used",
    ),
    "longer than what is used": (
        {"sequence_length": 4, "sampling_rate": 2, "start_index": 3, "end_index": 9},
        "span 7 rows, but rows 3 to 9 are used; use longer data or a shorter `sequence_length`",
    ),
    "end 0": ({"end_index": 0}, "`end_index` must be a whole number of at least 1, found 0"),
    "batch 0": ({"batch_size": 0}, "`batch_size` must be a whole number of at least 1, found 0"),
    "single number": ({"data": 5.0}, "`data` must have an axis of rows, found a single value"),
    "words": ({"data": ["a"] * 20}, "`data` must hold numbers, found dtype <U1"),
    "targets of words": ({"targets": ["a"] * 20}, "`targets` must hold numbers, found dtype <U1"),
    "no targets": (
        {"targets": numbers(0)},
        "no window fits: .* rows 0 to 20 are used, and `targets` has 0 rows; give more targets",
    ),
    "targets that end before the first window": (
        {"targets": numbers(10), "start_index": 10},
        "rows 10 to 20 are used, and `targets` has 10 rows; give more targets",
    ),
    "long double": (
        {"data": np.arange(20, dtype=np.longdouble)},
        r"`data` must hold .* found dtype float128; convert them: data.astype\('float64'\)",
    ),
    "immense length": ({"sequence_length": 10**30}, "`sequence_length` must be at most 9,223"),
    "great length": ({"sequence_length": 2**62}, "no window fits: .* rows 0 to 20 are used"),
    "immense batch": ({"batch_size": 2**63}, "`batch_size` must be at most 9,223"),
    "immense horizon": (
        {"targets": numbers(20), "horizon": 10**30},
        "`horizon` must be at most 9,223",
    ),
    "great horizon": ({"targets": numbers(20), "horizon": 2**62}, "use a shorter `horizon`"),
    "immense shard": ({"shard": (0, 10**30)}, r"`shard` must be \(number, count\)"),
    "grain": ({"format": "grain"}, "found 'grain'; for grain, wrap the NumPy batches"),
    "horizon without targets": ({"horizon": 1}, "`horizon` needs `targets`: give"),
    "horizon 0": ({"targets": numbers(20), "horizon": 0}, "`horizon` must be .* found 0"),
    "one bad step": ({"targets": numbers(20), "horizon": [1, -2]}, "`horizon` must be .* found -2"),
    "no step": (
        {"targets": numbers(20), "horizon": []},
        "`horizon` must be one step or several, as in",
    ),
    "horizon of words": ({"targets": numbers(20), "horizon": "24"}, "`horizon` .* found '24'"),
    "horizon of no axis": (
        {"targets": numbers(20), "horizon": np.array(1.5)},
        r"`horizon` must be .* found array\(1.5\)",
    ),
    "horizon too far": (
        {"targets": numbers(20), "horizon": 18},
        "its target lies 20 rows after its start, but rows 0 to 20 .* use a shorter `horizon`",
    ),
    "order": ({"order": "backward"}, "`order` must be one of forward, reversed, found 'backward'"),
    "no segments": ({"segments": []}, "the longest of the 0 segments has 0 rows"),
    "short segments": (
        {"segments": [(0, 2), (2, 4)]},
        "make it span 3 rows, but the longest of the 2 segments has 2 rows",
    ),
    "segments too short for the horizon": (
        {"targets": numbers(20), "segments": [(0, 5), (5, 9)], "horizon": 3},
        "`horizon` puts its target 5 rows after its start, but the longest of the 2 segments has 5",
    ),
    "segment of every other row": (
        {"segments": [range(0, 9, 2)]},
        r"must be ranges of step 1 or .* found range\(0, 9, 2\)",
    ),
    "segment that is not a pair": (
        {"segments": [5]},
        "`segments` must be .* pairs of row numbers, found 5",
    ),
    "segment of three": ({"segments": [(1, 2, 3)]}, r"`segments` must be .* found \(1, 2, 3\)"),
    "backward segment": ({"segments": [(9, 5)]}, "must have first < end <= 20, found"),
    "segment beyond": ({"segments": [(0, 21)]}, r"first < end <= 20, found \(0, 21\)"),
    "overlap": (
        {"segments": [(0, 9), (8, 20)]},
        r"`segments` must .* not overlap, found \(8, 20\) after one that ends at 9",
    ),
    "half a row": ({"segments": [(0, 9.5)]}, r"`segments` must be .* found \(0, 9.5\)"),
    "epoch": ({"epoch": -1}, "`epoch` must be a whole number of at least 0, found -1"),
    "start_batch": ({"start_batch": 1}, "`start_batch` is 1, but a pass has 1 batches"),
    "shard": ({"shard": (2, 2)}, r"number below count, found \(2, 2\)"),
    "shuffled shard without a seed": (
        {"shuffle": True, "shard": (0, 2)},
        "`shard` needs a `seed`, the same for all workers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("form", ["numpy", "tf"])
def test_what_is_refused_beyond_keras(name: str, form: str) -> None:
    given_, message = REFUSED[name]
    call = {
        "data": numbers(20),
        "targets": None,
        "sequence_length": 3,
        "format": form,
        **given_,
    }
    with pytest.raises(WindowError, match=message):
        timeseries_dataset_from_array(**call)


def tensors(dtype: str) -> Callable[[], Any]:
    def make() -> Any:
        import tensorflow as tf

        return tf.constant([[1, 2], [3, 4], [5, 6]], dtype)

    return make


READ_AS_KERAS_READS: dict[str, Callable[[], Any]] = {
    "floats": lambda: [1.5, 2.5, 3.5],
    "ints": lambda: [1, 2, 3],
    "ints and floats": lambda: [1, 2.5, 3],
    "long ints": lambda: [1, 2**40, -(2**40)],
    "largest short ints": lambda: [2**31 - 1, -(2**31), 0],
    "bools": lambda: [True, False, True],
    "complex": lambda: [1j, 2, 3],
    "rows": lambda: [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    "tuples": lambda: ((1, 2), (3, 4), (5, 6)),
    "range": lambda: range(5),
    "NumPy's doubles": lambda: list(np.arange(4.0)),
    "NumPy's singles": lambda: list(np.arange(4, dtype="f4")),
    "NumPy's ints": lambda: list(np.arange(4)),
    "arrays of doubles": lambda: [np.arange(3.0)] * 4,
    "arrays of ints": lambda: [np.arange(3)] * 4,
    "doubles in tuples": lambda: [(np.float64(1), 2.0)] * 4,
    "tensor of floats": tensors("float32"),
    "tensor of doubles": tensors("float64"),
    "tensor of ints": tensors("int64"),
    "list of tensors": lambda: list(tensors("float64")()),
    "big-endian": lambda: np.arange(5, dtype=">f4"),
    "no columns": lambda: np.zeros((5, 0)),
    "a matrix' every other row": lambda: np.arange(20.0).reshape(10, 2)[::2],
    "Fortran's order": lambda: np.asfortranarray(np.arange(20.0).reshape(10, 2)),
    "read-only": lambda: np.frombuffer(np.arange(5.0).tobytes()),
    "one row repeated": lambda: np.broadcast_to(np.arange(3.0), (5, 3)),
}


@pytest.mark.parametrize("name", READ_AS_KERAS_READS)
def test_data_and_targets_are_read_as_keras_reads_them(name: str) -> None:
    import keras

    values = READ_AS_KERAS_READS[name]()
    targets = values if np.size(values) else None
    expected = next(iter(keras.utils.timeseries_dataset_from_array(values, targets, 2)))
    for form in ("tf", "numpy"):
        found = next(iter(timeseries_dataset_from_array(values, targets, 2, format=form)))
        pairs = [(found, expected)] if targets is None else zip(found, expected, strict=True)
        for part, expected_part in pairs:
            assert same(np.asarray(part), expected_part.numpy())


def test_short_numpy_integers_count_like_any_other() -> None:
    # 120 * 6 and 2 * 100 do not fit into an int8.
    data = np.arange(1000)
    whole = {"sequence_length": 120, "sampling_rate": 6, "batch_size": 100, "sequence_stride": 1}
    short: dict[str, Any] = {name: np.int8(value) for name, value in whole.items()}
    batches = timeseries_dataset_from_array(data, None, **short, format="numpy")
    assert_batches_are(batches, windows_by_walking(data, None, 120, 1, 6), 100)


extras = st.fixed_dictionaries(
    {
        "sequence_length": st.integers(1, 5),
        "sequence_stride": st.integers(1, 4),
        "sampling_rate": st.integers(1, 3),
        "horizon": st.none() | st.integers(1, 5) | st.lists(st.integers(1, 5), min_size=1),
        "order": st.sampled_from(["forward", "reversed"]),
    }
)


@st.composite
def cuts(draw: st.DrawFn, rows: int = 40) -> list[tuple[int, int]] | None:
    """Segments in ascending order, with and without rows between them, or None."""
    bounds = sorted(draw(st.lists(st.integers(0, rows), max_size=6)))
    pairs = [pair for pair in zip(bounds[::2], bounds[1::2], strict=False) if pair[0] < pair[1]]
    return draw(st.none() | st.just(pairs))


@given(extras, st.sampled_from(ITEMS), cuts(), st.integers(0, 9), st.integers(1, 9))
@example({"sequence_length": 3, "horizon": [24, 1]}, (2,), None, 0, 4)
def test_horizon_order_and_segments_are_those_of_a_walk(
    extra: dict[str, Any],
    item: tuple[int, ...],
    segments: list[tuple[int, int]] | None,
    start_index: int,
    batch_size: int,
) -> None:
    data = np.arange(40)
    targets = numbers(40, item, "f8")
    given_ = {**extra, "segments": segments, "start_index": start_index}
    windows = windows_by_walking(data, targets, **given_)
    call = {**given_, "batch_size": batch_size, "format": "numpy"}
    if not windows:
        with pytest.raises(WindowError, match="no window fits"):
            timeseries_dataset_from_array(data, targets, **call)
        return
    assert_batches_are(timeseries_dataset_from_array(data, targets, **call), windows, batch_size)


@given(extras, cuts())
def test_no_window_crosses_the_border_of_a_segment(
    extra: dict[str, Any], segments: list[tuple[int, int]] | None
) -> None:
    rows = np.arange(40)
    allowed = [(0, 40)] if segments is None else segments
    try:
        batches = timeseries_dataset_from_array(
            rows, rows, **extra, segments=segments, batch_size=None, format="numpy"
        )
    except WindowError:
        return
    for inputs, target in batches:
        touched = [*inputs.tolist(), *np.atleast_1d(target).tolist()]
        assert any(first <= min(touched) and max(touched) < end for first, end in allowed)


def test_windows_without_a_target_are_left_out() -> None:
    """Keras' documented use: the target of a window is what follows it."""
    data = np.arange(10)
    batches = timeseries_dataset_from_array(data, data[3:], 3, batch_size=4, format="numpy")
    assert [targets.tolist() for _, targets in batches] == [[3, 4, 5, 6], [7, 8, 9]]
    in_two = timeseries_dataset_from_array(
        data, data[3:], 3, segments=[(0, 5), range(5, 10)], format="numpy"
    )
    ((inputs, targets),) = in_two
    assert inputs[:, 0].tolist() == [0, 1, 2, 5, 6]
    assert targets.tolist() == [3, 4, 5, 8, 9]


def test_ranges_and_pairs_are_the_same_segments() -> None:
    clock = np.datetime64("2009-01-01T00:10") + np.arange(20) * np.timedelta64(600, "s")
    clock[12:] += np.timedelta64(2, "h")
    segments = segments_from_timestamps(clock)
    assert segments == [range(12), range(12, 20)]
    pairs = [(0, 12), (12, 20)]
    found, expected = (
        list(timeseries_dataset_from_array(clock.astype(int), None, 4, segments=s, format="numpy"))
        for s in (segments, pairs)
    )
    assert [len(batch) for batch in found] == [9 + 5]
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


def test_timestamps_of_another_kind_are_refused() -> None:
    with pytest.raises(WindowError, match=r"datetime64 array .* found dtype int64, shape"):
        segments_from_timestamps(np.arange(5))


def test_a_batch_may_be_larger_than_the_data() -> None:
    for form in ("tf", "numpy"):
        batches = timeseries_dataset_from_array(
            np.arange(5), None, 2, batch_size=2**62, format=form
        )
        assert [len(batch) for batch in batches] == [4]


# The grain tests need a package that is not installed; the shuffle's rests on Keras' own order.
SKIPPED = ("grain", "test_shuffle_tf")


def test_the_tests_of_keras_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras ships its tests; here they run on our function instead of its own."""
    from keras.src.utils import timeseries_dataset_utils, timeseries_dataset_utils_test

    monkeypatch.setattr(
        timeseries_dataset_utils, "timeseries_dataset_from_array", timeseries_dataset_from_array
    )
    case = timeseries_dataset_utils_test.TimeseriesDatasetTest
    names = [
        name
        for name in unittest.defaultTestLoader.getTestCaseNames(case)
        if name != "test_session" and not any(part in name for part in SKIPPED)
    ]
    assert len(names) >= 9
    result = unittest.TestResult()
    unittest.TestSuite(map(case, names)).run(result)
    assert result.testsRun == len(names)
    assert [text for _, text in result.failures + result.errors] == []


def test_windows_of_the_reference_by_hand() -> None:
    """Chapter 10's call, on numbers small enough to read."""
    data = np.arange(20)
    delay = 2 * (3 + 2 - 1)
    reference = timeseries_dataset_from_array(
        data[:-delay], data[delay:], 3, sampling_rate=2, batch_size=8, format="numpy"
    )
    first, second = next(iter(reference))
    assert first.tolist()[:2] == [[0, 2, 4], [1, 3, 5]]
    assert second.tolist() == [8, 9, 10, 11, 12, 13, 14, 15]
    # The same with a horizon, which adds the windows whose inputs reach the last rows.
    ahead = timeseries_dataset_from_array(
        data, data, 3, sampling_rate=2, batch_size=8, horizon=2, format="numpy"
    )
    inputs, targets = next(iter(ahead))
    assert inputs.tolist() == first.tolist()
    assert targets.tolist() == second.tolist()
    assert sum(len(batch) for batch, _ in reference) == 8
    assert sum(len(batch) for batch, _ in ahead) == 12


def test_without_a_seed_each_call_draws_one() -> None:
    orders = {
        tuple(next(iter(dataset)).ravel().tolist())
        for dataset in (
            timeseries_dataset_from_array(range(99), None, 1, shuffle=True, format="numpy")
            for _ in range(4)
        )
    }
    assert len(orders) == 4


FRESH = """
import json, sys
import numpy as np
from jena_etl import timeseries_dataset_from_array
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows

rows = np.arange(30.0)
drop_in = timeseries_dataset_from_array(
    rows, rows, 3, sampling_rate=2, horizon=1, batch_size=4, shuffle=True, seed=5, epoch=2,
    format="numpy",
)
spec = WindowSpec(sequence_length=3, sampling_rate=2)
windows = SeriesWindows(phase_major(rows[:, None], 2), rows, spec, WindowIndex([range(24)]))
batches = windows.batches(4, shuffle=True, seed=5, epoch=2)
both = [[targets.tolist() for _, targets in loader] for loader in (drop_in, batches)]
heavy = [name for name in ("tensorflow", "keras", "polars", "jax") if name in sys.modules]
print(json.dumps([both, heavy]))
"""


def test_a_fresh_process_finds_the_same_order_and_imports_no_framework() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH], capture_output=True, text=True, check=True
    )
    (drop_in, batches), heavy = json.loads(run.stdout)
    rows = np.arange(30.0)
    here = timeseries_dataset_from_array(
        rows, rows, 3, sampling_rate=2, horizon=1, batch_size=4, shuffle=True, seed=5, epoch=2
    )
    assert drop_in == [target.numpy().tolist() for _, target in here]
    assert batches == drop_in
    assert heavy == []


def test_data_and_targets_are_not_changed() -> None:
    data, targets = numbers(60, (3,)), numbers(60)
    copies = data.copy(), targets.copy()
    for form in ("numpy", "tf"):
        for batch in timeseries_dataset_from_array(
            data, targets, 4, sampling_rate=2, horizon=1, shuffle=True, seed=1, format=form
        ):
            inputs = np.array(batch[0])
            inputs += 1
    # The caller may change NumPy batches.
    for inputs, labels in timeseries_dataset_from_array(data, targets, 4, format="numpy"):
        inputs *= -1  # noqa: PLW2901
        labels *= -1  # noqa: PLW2901
    assert same(data, copies[0])
    assert same(targets, copies[1])
