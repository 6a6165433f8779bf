"""Windows of several series: each lies within one of them, and an epoch holds all of them."""

from __future__ import annotations

import numpy as np
import pytest

from jena_etl.errors import WindowError
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import PooledWindows, SeriesWindows

SPEC = WindowSpec(sequence_length=4, sampling_rate=2, horizon=3)
LENGTHS = {"north": 40, "tiny": 14, "south": 57}
# Each number occurs once in all series, so a window tells which rows it has read.
ROWS = np.arange(sum(LENGTHS.values()), dtype=np.float32)


def series() -> dict[str, SeriesWindows]:
    ends = np.cumsum(list(LENGTHS.values())).tolist()
    found = {}
    for (name, length), end in zip(LENGTHS.items(), ends, strict=True):
        rows = ROWS[end - length : end]
        runs = [range(SPEC.count(length))] if name != "south" else [range(3, 9), range(20, 40, 5)]
        features = phase_major(np.stack([rows, -rows], axis=1), SPEC.sampling_rate)
        found[name] = SeriesWindows(features, 10 * rows, SPEC, WindowIndex(runs))
    return found


def expected(order: str = "forward") -> list[tuple[list[float], float]]:
    """What every window reads, worked out row by row."""
    windows, end = [], 0
    for part in series().values():
        for start in (start for run in part.index.runs for start in run):
            inputs = [float(end + start + 2 * step) for step in range(4)]
            inputs = inputs if order == "forward" else inputs[::-1]
            windows.append((inputs, 10.0 * (end + start + 2 * 6)))
        end += len(part.targets)
    return windows


def read(windows: PooledWindows, **options: object) -> list[tuple[list[float], float]]:
    found = []
    for inputs, targets in windows.batches(7, **options):  # type: ignore[arg-type]
        assert (inputs[:, :, 1] == -inputs[:, :, 0]).all()
        rows = inputs[:, :, 0].tolist()
        found += list(zip(rows, targets.tolist(), strict=True))
    return found


@pytest.mark.parametrize("order", ["forward", "reversed"])
def test_every_window_is_read_from_its_own_series(order: str) -> None:
    windows = PooledWindows(series())
    assert len(windows) == 28 + 2 + 10
    assert read(windows, order=order) == expected(order)


def test_an_epoch_shuffles_over_all_series() -> None:
    windows = PooledWindows(series())
    orders = [read(windows, shuffle=True, seed=3, epoch=epoch) for epoch in range(2)]
    assert orders[0] != orders[1]
    for order in orders:
        assert sorted(order) == sorted(expected())
    first_batch = {rows[0] // 40 for rows, _ in orders[0][:7]}
    assert len(first_batch) > 1  # of more than one series


def test_it_is_resumed_and_shared_among_workers_as_one_series_is() -> None:
    windows = PooledWindows(series())
    whole = read(windows, shuffle=True, seed=1)
    assert read(windows, shuffle=True, seed=1, start_batch=2) == whole[14:]
    shards = [read(windows, shuffle=True, seed=1, shard=(number, 3)) for number in range(3)]
    assert [shard == whole[number::3] for number, shard in enumerate(shards)] == [True] * 3


def test_observations_come_in_the_order_of_the_windows() -> None:
    windows = PooledWindows(series())
    assert windows.observations().tolist() == [target for _, target in expected()]
    assert windows.last_observations().tolist() == [10 * rows[-1] for rows, _ in expected()]


def test_tf_data_gives_the_same_batches() -> None:
    windows = PooledWindows(series())
    batches = [(x.numpy()[:, :, 0].tolist(), y.numpy().tolist()) for x, y in windows.dataset(7)]
    found = [pair for x, y in batches for pair in zip(x, y, strict=True)]
    assert found == expected()


def test_series_whose_windows_differ_in_shape_are_refused() -> None:
    parts = series()
    longer = WindowSpec(sequence_length=5, sampling_rate=2, horizon=3)
    other = SeriesWindows(
        parts["tiny"].features, parts["tiny"].targets, longer, WindowIndex([range(1)])
    )
    with pytest.raises(WindowError, match=r"^the windows of tiny are WindowSpec.sequence_length=5"):
        PooledWindows(parts | {"tiny": other})
    with pytest.raises(WindowError, match=r"^no series is named; name at least one$"):
        PooledWindows({})
