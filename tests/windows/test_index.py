"""The three policies, against a direct reading of docs/windows.md."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import WindowError
from jena_etl.etl.splits import split_rows
from jena_etl.windows.index import POLICIES, SPLITS, WindowIndex, split_windows
from jena_etl.windows.spec import WindowSpec

small = st.integers(1, 5)
specs = st.builds(
    WindowSpec, sequence_length=small, sampling_rate=small, horizon=small, sequence_stride=small
)
series = st.integers(1, 120)
fractions = st.tuples(st.floats(0.1, 0.6), st.floats(0.1, 0.3))


def belongs(start: int, split: range, rows: int, spec: WindowSpec, policy: str) -> bool:
    """One window, read off the rule as it is written."""
    inputs = [start + step * spec.sampling_rate for step in range(spec.sequence_length)]
    target = inputs[-1] + spec.horizon * spec.sampling_rate
    a, b = split.start, split.stop
    if target >= rows:
        return False
    if policy == "book":
        last = rows - (target - start)
        return all(a <= row < min(b, last) for row in inputs)
    if policy == "strict":
        return all(a <= row < b for row in [*inputs, target])
    return a <= target < b and inputs[0] >= 0


@given(specs, series, fractions, st.sampled_from(POLICIES))
def test_windows_are_those_of_the_rule(
    spec: WindowSpec, rows: int, parts: tuple[float, float], policy: str
) -> None:
    ranges = split_rows(rows, train=parts[0], validation=parts[1])
    windows = split_windows(ranges, rows, spec, policy)
    for name in SPLITS:
        held = [s for s in range(rows) if belongs(s, ranges[name], rows, spec, policy)]
        mine = windows[name].starts(np.arange(len(windows[name])))
        # With a stride, every stride-th of them, from the first.
        assert mine.tolist() == held[:: spec.sequence_stride]


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ("book", (209_511, 104_398, 103_542)),
        ("strict", (209_367, 104_254, 104_256)),
        ("lookback", (209_367, 105_112, 105_114)),
    ],
)
def test_counts_of_the_jena_series(policy: str, counts: tuple[int, int, int]) -> None:
    spec = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
    ranges = split_rows(420_451, train=0.5, validation=0.25)
    assert list(ranges.values()) == [
        range(210_225),
        range(210_225, 315_337),
        range(315_337, 420_451),
    ]
    windows = split_windows(ranges, 420_451, spec, policy)
    assert tuple(len(windows[name]) for name in SPLITS) == counts


def test_an_unknown_policy_is_refused() -> None:
    spec = WindowSpec(sequence_length=1)
    with pytest.raises(
        WindowError, match="policy must be one of book, strict, lookback, found 'x'"
    ):
        split_windows({"train": range(9)}, 9, spec, "x")


@given(st.lists(st.builds(range, st.integers(0, 50), st.integers(0, 99), st.integers(1, 7))))
def test_an_index_of_many_runs(runs: list[range]) -> None:
    index = WindowIndex(runs)
    expected = [start for run in runs for start in run]
    assert len(index) == len(expected)
    assert index.starts(np.arange(len(index))).tolist() == expected
    again = WindowIndex.from_lists(index.as_lists())
    assert again.starts(np.arange(len(again))).tolist() == expected
