"""Memory maps of every layout, compared with the same numbers in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl import timeseries_dataset_from_array
from jena_etl.errors import WindowError
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import WindowReader, phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows

BASE = np.random.default_rng(0).normal(size=(1000, 7)).astype("f4")
CALLS: dict[str, dict[str, Any]] = {
    "each row": {},
    "sampled, in strides": {"sampling_rate": 6, "sequence_stride": 5},
    "reversed": {"sampling_rate": 3, "order": "reversed"},
    "shuffled": {"shuffle": True, "seed": 2, "start_index": 3, "end_index": 40},
    "one row": {"sequence_length": 1},
}


def saved(folder: Path, array: np.ndarray, mode: Any = "r") -> Any:
    np.save(folder / "rows.npy", array)
    return np.load(folder / "rows.npy", mmap_mode=mode)


def batches(data: Any, targets: Any = None, *, form: str = "numpy", **call: Any) -> list[Any]:
    call = {"sequence_length": 5, "batch_size": 16, "format": form, **call}
    found = timeseries_dataset_from_array(data, targets, **call)
    return [
        tuple(map(np.asarray, batch)) if isinstance(batch, tuple) else (np.asarray(batch),)
        for batch in found
    ]


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    assert len(found) == len(expected)
    for batch, wanted in zip(found, expected, strict=True):
        assert len(batch) == len(wanted)
        for one, other in zip(batch, wanted, strict=True):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert np.array_equal(one, other)


VIEWS: dict[str, Callable[[Any], Any]] = {
    "whole": lambda rows: rows,
    "[:-858]": lambda rows: rows[:-858],
    "[100:200], 16 bytes off": lambda rows: rows[100:200],
    "[3:90], 4 bytes off": lambda rows: rows[3:90],
    "[16:90], aligned": lambda rows: rows[16:90],
    "some columns": lambda rows: rows[:90, :3],
    "one column": lambda rows: rows[:90, 2],
    "every other row": lambda rows: rows[:90:2],
    "backwards": lambda rows: rows[90::-1],
    "columns backwards": lambda rows: rows[:90, ::-1],
    "across": lambda rows: rows[:70].reshape(7, -1).T,
    "another axis": lambda rows: rows[:90, None],
    "an array over the map": lambda rows: np.asarray(rows[:90]),
    "read-only": lambda rows: read_only(rows[:90]),
    "one row repeated": lambda rows: np.broadcast_to(rows[4], (90, 7)),
    "another type": lambda rows: rows[:90].view("i4"),
    "a copy": lambda rows: rows[:90].copy(),
}


def read_only(rows: np.ndarray) -> np.ndarray:
    view = rows.view()
    view.flags.writeable = False
    return view


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_map_reads_like_an_array_in_memory(tmp_path: Path, view: str, call: str) -> None:
    data = VIEWS[view](saved(tmp_path, BASE))
    plain = np.array(VIEWS[view](BASE))
    assert_equal(batches(data, **CALLS[call]), batches(plain, **CALLS[call]))


@pytest.mark.parametrize("view", VIEWS)
def test_tensorflow_reads_the_same(tmp_path: Path, view: str) -> None:
    """TensorFlow kills the process if it is given memory that it cannot use."""
    data = VIEWS[view](saved(tmp_path, BASE))
    call: dict[str, Any] = {
        "sampling_rate": 6,
        "batch_size": 30,
        "order": "reversed",
        "shuffle": True,
        "seed": 1,
    }
    plain = np.array(VIEWS[view](BASE))
    assert_equal(batches(data, data[:, ...], form="tf", **call), batches(plain, plain, **call))


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]
)
def test_every_type_and_mode(tmp_path: Path, dtype: str, mode: str) -> None:
    plain = (BASE[:60] * 10).astype("i1").astype(dtype)
    data = saved(tmp_path, plain, mode)
    assert_equal(batches(data), batches(plain))
    if mode == "r":
        assert_equal(batches(data, form="tf"), batches(plain))


@pytest.mark.parametrize("form", ["numpy", "tf"])
def test_other_layouts_on_disk(tmp_path: Path, form: str) -> None:
    expected = batches(BASE, sampling_rate=4)
    for stored in (np.asfortranarray(BASE), BASE.astype(">f4")):
        assert_equal(batches(saved(tmp_path, stored), sampling_rate=4, form=form), expected)
    # Without a header, at offsets that are not aligned or lie beyond the first page.
    for offset in (1, 4096 + 3, 8192):
        (tmp_path / "raw").write_bytes(b"x" * offset + BASE.tobytes())
        data = np.memmap(tmp_path / "raw", "f4", "r", offset=offset, shape=BASE.shape)
        assert_equal(batches(data[20:], form=form), batches(BASE[20:]))


@pytest.mark.parametrize("form", ["numpy", "tf"])
@pytest.mark.parametrize("horizon", [None, 3, [1, 6, 24], [6, 4, 2], [2, 2], range(1, 9), [7]])
def test_targets_on_disk(tmp_path: Path, horizon: Any, form: str) -> None:
    for stored in (BASE[:200, 1], BASE[:200]):
        targets = saved(tmp_path, stored)
        call: dict[str, Any] = {"sampling_rate": 2, "sequence_stride": 3, "horizon": horizon}
        expected = batches(BASE[:200], np.array(stored), **call)
        assert_equal(batches(BASE[:200], targets, form=form, **call), expected)


@pytest.mark.parametrize("order", ["forward", "reversed"])
@pytest.mark.parametrize("rate", [1, 4, 6])
def test_phase_major_maps(tmp_path: Path, rate: int, order: str) -> None:
    """Compared with the row-major drop-in; 1,000 rows are not a multiple of 6."""
    spec = WindowSpec(sequence_length=5, sampling_rate=rate, horizon=3, sequence_stride=3)
    np.save(tmp_path / "targets.npy", BASE[:, 1])
    windows = SeriesWindows(
        saved(tmp_path, phase_major(BASE, rate)),
        np.load(tmp_path / "targets.npy", mmap_mode="r"),
        spec,
        WindowIndex([range(0, 1000 - spec.target, 3)]),
    )
    given: dict[str, Any] = {"order": order, "shuffle": True, "seed": 4}
    call: dict[str, Any] = {
        "sampling_rate": rate,
        "sequence_stride": 3,
        "horizon": 3,
        "batch_size": 9,
        **given,
    }
    expected = batches(BASE, BASE[:, 1], **call)
    assert_equal(list(windows.batches(9, **given)), expected)
    found = [tuple(map(np.asarray, batch)) for batch in windows.dataset(9, **given)]
    assert_equal(found, expected)
    keras_dataset = windows.keras_dataset(9, **given)
    assert_equal([keras_dataset[number] for number in range(len(keras_dataset))], expected)


def test_phase_major_by_hand() -> None:
    rows = np.arange(7.0)
    by_hand = np.array([[0, 3, 6], [1, 4, np.nan], [2, 5, np.nan]])
    assert np.array_equal(phase_major(rows, 3), by_hand, equal_nan=True)
    reader = WindowReader(phase_major(rows[:, None], 3), np.array([0, 3]), phases=3)
    assert reader.shape == (2, 1)
    found = reader.read(np.array([0, 1, 2, 3]))
    assert found[..., 0].tolist() == [[0, 3], [1, 4], [2, 5], [3, 6]]


@pytest.mark.parametrize("form", ["numpy", "tf"])
@pytest.mark.parametrize("view", ["whole", "[16:90], aligned"])
def test_a_map_is_not_copied(tmp_path: Path, view: str, form: str) -> None:
    rows = saved(tmp_path, BASE, "r+")
    data = VIEWS[view](rows)
    dataset = timeseries_dataset_from_array(data, None, 5, format=form)
    next(iter(dataset))
    data[2] = 77
    assert np.asarray(next(iter(dataset)))[:3, :, 0].tolist() == [
        [*data[0:2, 0].tolist(), 77, *data[3:5, 0].tolist()],
        [*data[1:2, 0].tolist(), 77, *data[3:6, 0].tolist()],
        [77, *data[3:7, 0].tolist()],
    ]


@pytest.mark.parametrize("form", ["numpy", "tf"])
def test_private_changes_to_a_map_are_seen(tmp_path: Path, form: str) -> None:
    data = saved(tmp_path, BASE, "c")
    data[:] = 5
    assert all((inputs == 5).all() for (inputs,) in batches(data, form=form))
    assert np.array_equal(np.load(tmp_path / "rows.npy"), BASE)


@pytest.mark.parametrize("form", ["numpy", "tf"])
def test_a_deleted_file_lives_on_in_its_map(tmp_path: Path, form: str) -> None:
    data = saved(tmp_path, BASE)
    (tmp_path / "rows.npy").unlink()
    assert_equal(batches(data, form=form), batches(BASE))


@pytest.mark.parametrize("form", ["numpy", "tf"])
def test_a_file_cut_short_is_refused(tmp_path: Path, form: str) -> None:
    data = saved(tmp_path, BASE)
    os.truncate(tmp_path / "rows.npy", 20_000)
    # Even if the rows that are asked for are still there.
    with pytest.raises(
        WindowError,
        match=r"rows.npy has 20,000 bytes, its memory map needs 28,128: the file was cut short",
    ):
        timeseries_dataset_from_array(data[:10], None, 5, format=form)


@pytest.mark.parametrize("form", ["numpy", "tf"])
def test_a_file_cut_short_later_is_refused(tmp_path: Path, form: str) -> None:
    data = saved(tmp_path, BASE)
    dataset = timeseries_dataset_from_array(data, None, 5, format=form)
    os.truncate(tmp_path / "rows.npy", 20_000)
    # TensorFlow wraps the error of a Python function in one of its own.
    with pytest.raises(Exception, match=r"rows.npy has 20,000 bytes, its memory map needs 28,128"):
        list(dataset)


@pytest.mark.parametrize("form", ["numpy", "tf"])
@pytest.mark.parametrize("rows", [1000, 10])
def test_a_file_replaced_by_another_is_read_as_it_was(tmp_path: Path, rows: int, form: str) -> None:
    """Inputs and targets still match, because a map keeps the file that it was made from."""
    data = saved(tmp_path, BASE)
    dataset = timeseries_dataset_from_array(data, BASE[:, 0], 5, batch_size=16, format=form)
    np.save(tmp_path / "new.npy", BASE[:rows] + 1)
    (tmp_path / "new.npy").rename(tmp_path / "rows.npy")
    expected = batches(BASE, BASE[:, 0])
    assert_equal([tuple(map(np.asarray, batch)) for batch in dataset], expected)
    assert_equal(batches(data, BASE[:, 0], form=form), expected)


@pytest.mark.parametrize("layout", [BASE, np.asfortranarray(BASE)])
def test_a_window_beyond_the_array_is_refused(layout: np.ndarray) -> None:
    reader = WindowReader(layout, np.array([2, 4]))
    for start in (-3, 996):
        with pytest.raises(WindowError, match=rf"rows -?\d+ to {max(start, 0) + 4}, .* 1000 rows"):
            reader.read(np.array([start, 0]))
    assert reader.read(np.array([-2, 995])).tolist() == BASE[[[0, 2], [997, 999]]].tolist()


def test_the_file_is_not_written(tmp_path: Path) -> None:
    data = saved(tmp_path, BASE, "r+")
    for form in ("numpy", "tf"):
        for inputs, targets in batches(data, data[:, 0], form=form, sampling_rate=3):
            changed = inputs + 1, targets + 1
            assert changed
    for (inputs,) in batches(data):
        inputs *= 2  # noqa: PLW2901  the caller may change a batch
    data.flush()
    assert np.array_equal(np.load(tmp_path / "rows.npy"), BASE)
