"""NumPy, tf.data and Keras batches compared with each other, pass after pass."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from jena_etl import timeseries_dataset_from_array
from jena_etl.errors import WindowError
from jena_etl.windows.batches import BLOCK_BYTES, BLOCK_WINDOWS, WindowBatches
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import WindowReader, phase_major
from jena_etl.windows.sampler import BatchSampler
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows

ROWS = 60
DATA = np.random.default_rng(1).normal(size=(ROWS, 2)).astype("f4")
SPEC = WindowSpec(sequence_length=4, sampling_rate=3, horizon=2)
STARTS = [*range(2, 30), *range(35, 40)]  # 33 windows; the last target is row 54
WINDOWS = SeriesWindows(
    phase_major(DATA, 3), DATA[:, 1], SPEC, WindowIndex([range(2, 30), range(35, 40)])
)

Batches = list[tuple[list[int], list[float]]]


def read(batches: Any) -> Batches:
    """The start rows of the windows, found by looking them up in DATA, and the targets."""
    found = []
    for inputs, targets in batches:
        values = np.asarray(inputs)
        starts = [int(np.flatnonzero((window[0] == DATA).all(axis=1))[0]) for window in values]
        for start, window in zip(starts, values, strict=True):
            assert window.tolist() == DATA[start : start + 12 : 3].tolist()
        found.append((starts, np.asarray(targets).tolist()))
    return found


def expected(batch_size: int, starts: list[int]) -> Batches:
    cut = [starts[at : at + batch_size] for at in range(0, len(starts), batch_size)]
    return [(batch, [float(DATA[start + 15, 1]) for start in batch]) for batch in cut]


def forms(batch_size: int, **options: Any) -> Iterator[Any]:
    yield WINDOWS.batches(batch_size, **options)
    yield WINDOWS.dataset(batch_size, **options)
    if "start_batch" not in options:
        dataset = WINDOWS.keras_dataset(batch_size, **options)
        yield [dataset[number] for number in range(len(dataset))]


@pytest.mark.parametrize("batch_size", [1, 8, 11, 33, 34, 2**40])
def test_batches_in_time_order(batch_size: int) -> None:
    """With a short last batch, without one, and with a short batch only."""
    for form in forms(batch_size):
        assert read(form) == expected(batch_size, STARTS)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seed": 9},
        {"epoch": 4},
        {"shard": (1, 3)},
        {"shard": (4, 5), "seed": 2, "epoch": 1},
    ],
)
def test_shuffled_batches_are_the_same_in_every_form(options: dict[str, Any]) -> None:
    numpy, tensorflow, keras = (read(form) for form in forms(5, shuffle=True, **options))
    assert numpy == tensorflow
    assert numpy == keras
    number, count = options.get("shard", (0, 1))
    shards = [
        read(WINDOWS.batches(5, shuffle=True, **{**options, "shard": (at, count)}))
        for at in range(count)
    ]
    assert shards[number] == numpy
    starts = [start for shard in shards for batch, _ in shard for start in batch]
    assert sorted(starts) == STARTS
    assert starts != STARTS


def test_reversed_windows_hold_the_same_rows_backwards() -> None:
    for forward, backward in zip(forms(8), forms(8, order="reversed"), strict=True):
        for one, other in zip(forward, backward, strict=True):
            assert np.array_equal(np.asarray(one[0])[:, ::-1], np.asarray(other[0]))
            assert np.array_equal(np.asarray(one[1]), np.asarray(other[1]))


@pytest.mark.parametrize("form", ["batches", "dataset"])
def test_each_pass_is_the_next_epoch(form: str) -> None:
    make = getattr(WINDOWS, form)
    epochs = [read(make(8, shuffle=True, seed=3, epoch=epoch)) for epoch in range(4)]
    assert len({str(epoch) for epoch in epochs}) == 4
    one = make(8, shuffle=True, seed=3)
    assert [read(one) for _ in range(4)] == epochs
    later = make(8, shuffle=True, seed=3, epoch=2)
    assert [read(later) for _ in range(2)] == epochs[2:]
    # A second dataset counts its own passes.
    assert read(make(8, shuffle=True, seed=3)) == epochs[0]


def test_passes_inside_tensorflow_are_epochs() -> None:
    epochs = [read(WINDOWS.batches(8, shuffle=True, epoch=epoch)) for epoch in range(3)]
    repeated = WINDOWS.dataset(8, shuffle=True).repeat(3).prefetch(5)
    assert read(repeated) == [*epochs[0], *epochs[1], *epochs[2]]
    previewed = WINDOWS.dataset(8, shuffle=True)
    assert read(previewed.take(1)) == epochs[0][:1]
    assert read(previewed) == epochs[1]


@pytest.mark.parametrize("form", ["batches", "dataset"])
@pytest.mark.parametrize("start", [1, 3, 4])
@pytest.mark.parametrize("batch_size", [7, 8])  # the fifth batch is short
def test_a_pass_can_begin_later(form: str, start: int, batch_size: int) -> None:
    make = getattr(WINDOWS, form)
    whole = make(batch_size, shuffle=True, seed=1, epoch=6)
    first, second = read(whole), read(whole)
    rest = make(batch_size, shuffle=True, seed=1, epoch=6, start_batch=start)
    assert read(rest) == first[start:]
    assert read(rest) == second
    assert len(second) == 5


def in_blocks(
    batches: WindowBatches, *, block_windows: int = BLOCK_WINDOWS, block_bytes: int = BLOCK_BYTES
) -> WindowBatches:
    """The same batches, read in blocks of another size."""
    inputs, targets = batches._readers
    with mock.patch.multiple(
        "jena_etl.windows.batches", BLOCK_WINDOWS=block_windows, BLOCK_BYTES=block_bytes
    ):
        return WindowBatches(batches.sampler, inputs, targets)


@pytest.mark.parametrize("windows", [1, 7, 8, 9, 20])
def test_batches_do_not_depend_on_the_size_of_a_block(windows: int) -> None:
    def made() -> WindowBatches:
        return WINDOWS.batches(4, shuffle=True, start_batch=1)

    whole = read(made())
    assert read(in_blocks(made(), block_windows=windows)) == whole
    assert read(in_blocks(made(), block_windows=windows).dataset()) == whole


def test_a_block_is_bounded() -> None:
    def blocks(epoch: int = 0, **block: int) -> list[list[int]]:
        return in_blocks(WINDOWS.batches(8, epoch=epoch), **block).blocks(2).tolist()  # type: ignore[no-any-return]

    # 33 windows: four whole batches and a short one.
    assert blocks(epoch=3) == [[5, 0, 4], [5, 4, 5]]
    # A window takes 4 rows of 8 bytes and a target of 4 bytes, a batch of 8 takes 288 bytes.
    assert blocks(block_bytes=600) == [[2, 0, 2], [2, 2, 4], [2, 4, 5]]
    single = [[2, 0, 1], [2, 1, 2], [2, 2, 3], [2, 3, 4], [2, 4, 5]]
    assert blocks(block_bytes=1) == blocks(block_windows=15) == single


def test_cardinality() -> None:
    import tensorflow as tf

    for batch_size, batches in ((8, 5), (11, 3), (100, 1)):
        assert int(WINDOWS.dataset(batch_size).cardinality()) == batches
        assert len(WINDOWS.dataset(batch_size, shuffle=True)) == batches
        assert len(WINDOWS.batches(batch_size)) == batches
        assert len(WINDOWS.keras_dataset(batch_size)) == batches
    # The first pass is shorter than the others, so no number is right.
    resumed = WINDOWS.dataset(8, start_batch=2)
    assert int(resumed.cardinality()) == tf.data.UNKNOWN_CARDINALITY


@pytest.mark.parametrize("start_batch", [0, 1])
def test_static_shapes(start_batch: int) -> None:
    """A model can be built from the dataset before any batch is read."""
    import tensorflow as tf

    def spec(**call: Any) -> Any:
        given = {"sequence_length": 4, "start_batch": start_batch, **call}
        return timeseries_dataset_from_array(DATA, given.pop("targets", None), **given).element_spec

    assert spec(batch_size=8) == tf.TensorSpec((None, 4, 2), tf.float32)
    assert spec(batch_size=None) == tf.TensorSpec((4, 2), tf.float32)
    targets = np.zeros((ROWS, 3))
    assert spec(targets=targets, batch_size=8, horizon=[1, 2]) == (
        tf.TensorSpec((None, 4, 2), tf.float32),
        tf.TensorSpec((None, 2, 3), tf.float64),
    )
    assert spec(targets=targets[:, 0] > 1, batch_size=None) == (
        tf.TensorSpec((4, 2), tf.float32),
        tf.TensorSpec((), tf.bool),
    )


def test_element_spec_of_split_windows() -> None:
    import tensorflow as tf

    inputs, targets = WINDOWS.dataset(8).element_spec
    assert inputs.dtype == targets.dtype == tf.float32
    assert inputs.shape.as_list() == [None, 4, 2]
    assert targets.shape.as_list() == [None]


def test_keras_dataset_moves_on_when_keras_ends_an_epoch() -> None:
    epochs = [read(WINDOWS.batches(8, shuffle=True, epoch=epoch)) for epoch in (3, 4, 5)]
    dataset = WINDOWS.keras_dataset(8, shuffle=True, epoch=3)
    # Any batch at any time, as long as no epoch has begun.
    assert read([dataset[number] for number in (4, 0, -1)]) == [epochs[0][at] for at in (4, 0, 4)]
    with pytest.raises(IndexError):
        dataset[5]
    for epoch in epochs:
        dataset.on_epoch_begin()
        assert read([dataset[number] for number in range(5)]) == epoch
        dataset.on_epoch_end()


def test_keras_dataset_resumes_an_interrupted_epoch() -> None:
    """As `fit(steps_per_epoch=...)` reads it; its first look at a few batches is not an epoch."""
    epochs = [read(WINDOWS.batches(8, shuffle=True, epoch=epoch)) for epoch in (0, 1)]
    dataset = WINDOWS.keras_dataset(8, shuffle=True)
    found = []
    for numbers in ([0, 1], [0, 1, 2], [3, 4], [0]):
        dataset.on_epoch_begin()
        found.append(read([dataset[number] for number in numbers]))
        dataset.on_epoch_end()
    assert found == [epochs[0][:2], epochs[0][:3], epochs[0][3:], epochs[1][:1]]


def small_model() -> Any:
    import keras

    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("workers", [1, 3])
def test_fit_may_not_shuffle_shuffled_batches(workers: int) -> None:
    dataset = WINDOWS.keras_dataset(1, shuffle=True)  # 33 batches will not come in order by chance
    dataset.workers = workers
    with pytest.raises(Exception, match=r"are shuffled already, .* fit\(\.\.\., shuffle=False\)"):
        small_model().fit(dataset, verbose=0)
    # Keras may shuffle batches that come in time order.
    small_model().fit(WINDOWS.keras_dataset(1), verbose=0)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("batch_size", [8, 17, 33])  # five batches, two, one
def test_fit_trains_on_one_epoch_after_another(batch_size: int, workers: int) -> None:
    import keras

    trained: list[list[float]] = []

    class Model(keras.Sequential):  # type: ignore[misc]
        def train_step(self, data: Any) -> Any:
            trained.append(data[1].numpy().tolist())
            return super().train_step(data)

    model = Model([keras.Input((4, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    dataset = WINDOWS.keras_dataset(batch_size, shuffle=True, epoch=2)
    dataset.workers = workers
    model.fit(dataset, epochs=3, shuffle=False, verbose=0)
    assert trained == [
        targets
        for epoch in (2, 3, 4)
        for _, targets in read(WINDOWS.batches(batch_size, shuffle=True, epoch=epoch))
    ]


def test_keras_dataset_refuses_worker_processes() -> None:
    dataset = WINDOWS.keras_dataset(8, shuffle=True)
    with pytest.raises(WindowError, match=r"use_multiprocessing must be False: .* only workers"):
        dataset.use_multiprocessing = True
    dataset.use_multiprocessing = False
    assert dataset.use_multiprocessing is False


def test_keras_dataset_begins_at_the_first_batch() -> None:
    with pytest.raises(WindowError, match="start_batch must be 0 for a PyDataset, found 2"):
        WINDOWS.keras_dataset(8, start_batch=2)


def test_windows_know_their_rows() -> None:
    assert len(WINDOWS) == 33
    assert WINDOWS.issued_rows().tolist() == [start + 9 for start in STARTS]
    assert WINDOWS.target_rows().tolist() == [start + 15 for start in STARTS]


def test_two_readers_at_once() -> None:
    """Two passes begun together are two epochs, whichever is read first."""
    epochs = [read(WINDOWS.batches(8, shuffle=True, epoch=epoch)) for epoch in (0, 1)]
    batches = WINDOWS.batches(8, shuffle=True)
    one, other = iter(batches), iter(batches)
    assert read(other) == epochs[1]
    assert read(one) == epochs[0]


def test_arrays_are_freed_with_the_dataset() -> None:
    """Although TensorFlow keeps every Python function that it is given."""

    def used() -> weakref.ref[np.ndarray]:
        data = np.arange(3000.0)
        dataset = timeseries_dataset_from_array(data, data, 5, batch_size=64)
        assert len(list(dataset.map(lambda inputs, _: inputs).repeat(2))) == 94
        return weakref.ref(data)

    array = used()
    gc.collect()
    assert array() is None


def own_memory() -> int:
    """The bytes that this process alone holds in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")
def test_memory_does_not_grow_with_datasets_and_epochs() -> None:
    """By less than a tenth of the arrays, and less than a tenth of the batches of all epochs."""

    def use(epochs: int) -> None:
        data = np.zeros(1 << 21)  # 17 MB, as much as an epoch's batches
        dataset = timeseries_dataset_from_array(data, None, 32, 32, batch_size=8192)
        assert sum(1 for _ in dataset.repeat(epochs)) == 8 * epochs

    use(2)
    before = own_memory()
    for _ in range(30):
        use(1)
    use(30)
    assert own_memory() - before < 50_000_000


@pytest.mark.slow
def test_a_dataset_lives_as_long_as_what_was_made_from_it() -> None:
    import tensorflow as tf

    def make() -> Any:
        return timeseries_dataset_from_array(np.arange(300.0), None, 5, batch_size=32)

    def count(batches: Any) -> int:
        gc.collect()
        return sum(1 for _ in batches)

    assert count(iter(make())) == 10
    assert count(make().map(lambda inputs: inputs + 1).repeat(3).prefetch(2)) == 30
    assert count(tf.data.Dataset.zip((make(), make()))) == 10
    assert count(tf.data.Dataset.range(2).flat_map(lambda _: make())) == 20

    @tf.function  # type: ignore[untyped-decorator]
    def counted() -> Any:
        return make().reduce(np.int64(0), lambda found, _: found + 1)

    assert int(counted()) == 10
    gc.collect()
    assert int(counted()) == 10  # the graph has been built, its dataset is gone


def test_batches_from_a_sampler_and_readers() -> None:
    """A single offset gives windows without an axis of steps."""
    batches = WindowBatches(
        BatchSampler(index=WindowIndex([range(0, 20, 5)]), batch_size=3),
        WindowReader(DATA, np.array([4, 1])),
        WindowReader(DATA, np.array(2)),
    )
    for form in (batches, batches.dataset()):
        inputs, targets = next(iter(form))
        assert np.asarray(inputs).tolist() == DATA[[[4, 1], [9, 6], [14, 11]]].tolist()
        assert np.asarray(targets).tolist() == DATA[[2, 7, 12]].tolist()


def test_tensorflow_copies_nothing() -> None:
    """Its batches share the memory of the block that the reader filled."""
    blocks: list[np.ndarray] = []

    class Reader(WindowReader):
        def read(self, starts: np.ndarray, _: np.ndarray | None = None) -> np.ndarray:
            blocks.append(super().read(starts))
            return blocks[-1]

    # Four windows of two steps by two float32 take 64 bytes, to which TensorFlow aligns tensors.
    sampler = BatchSampler(index=WindowIndex([range(40)]), batch_size=4)
    batches = WindowBatches(sampler, Reader(DATA, np.arange(2)))
    for batch in batches.dataset():
        assert any(np.shares_memory(memoryview(batch), block) for block in blocks)
    assert len(blocks) == 1
