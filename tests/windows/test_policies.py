"""The three policies, compared with a direct reading of docs/windows.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import WindowError
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.windows.index import SPLITS, WindowIndex
from jena_etl.windows.policies import POLICIES, split_windows
from jena_etl.windows.spec import WindowSpec

small = st.integers(1, 5)
specs = st.builds(
    WindowSpec, sequence_length=small, sampling_rate=small, horizon=small, sequence_stride=small
)
series = st.integers(1, 120)
fractions = st.tuples(st.floats(0.1, 0.6), st.floats(0.1, 0.3))


def belongs(start: int, split: range, rows: int, spec: WindowSpec, policy: str) -> bool:
    """Whether a window belongs to a split, by the rule as docs/windows.md states it."""
    inputs = [start + step * spec.sampling_rate for step in range(spec.sequence_length)]
    target = inputs[-1] + spec.horizon * spec.sampling_rate
    a, b = split.start, split.stop
    if target >= rows:
        return False
    if policy == "reference":
        last = rows - (target - start)
        return all(a <= row < min(b, last) for row in inputs)
    if policy == "strict":
        return all(a <= row < b for row in [*inputs, target])
    return a <= target < b and inputs[0] >= 0


@given(specs, series, fractions, st.sampled_from(POLICIES))
def test_windows_are_those_of_the_rule(
    spec: WindowSpec, rows: int, parts: tuple[float, float], policy: str
) -> None:
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    windows = split_windows(ranges, rows, spec, policy)
    for name in SPLITS:
        expected = [s for s in range(rows) if belongs(s, ranges[name], rows, spec, policy)]
        # With a stride n, every n-th of them, beginning with the first.
        assert starts_of(windows[name]) == expected[:: spec.sequence_stride]


@pytest.mark.parametrize(
    ("policy", "counts"),
    [
        ("reference", (209_511, 104_398, 103_542)),
        ("strict", (209_367, 104_254, 104_256)),
        ("lookback", (209_367, 105_112, 105_114)),
    ],
)
def test_counts_of_the_jena_series(policy: str, counts: tuple[int, int, int]) -> None:
    spec = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
    ranges = SplitFractions(train=0.5, validation=0.25).row_ranges(np.arange(420_451))
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
        WindowError, match="policy must be one of reference, strict, lookback, found 'x'"
    ):
        split_windows({"train": range(9)}, 9, spec, "x")


@given(st.lists(st.builds(range, st.integers(0, 50), st.integers(0, 99), st.integers(1, 7))))
def test_an_index_of_many_runs(runs: list[range]) -> None:
    index = WindowIndex(runs)
    expected = [start for run in runs for start in run]
    assert len(index) == len(expected)
    assert index.starts(np.arange(len(index))).tolist() == expected
    assert [start for run in index.runs for start in run] == expected
    if expected:
        places = np.array([[0, len(expected) - 1], [len(expected) // 2, 0]])
        assert index.starts(places).tolist() == np.array(expected)[places].tolist()


def starts_of(windows: WindowIndex) -> list[int]:
    found: list[int] = windows.starts(np.arange(len(windows))).tolist()
    return found


def rows_of(start: int, spec: WindowSpec) -> list[int]:
    """The rows of a window: its inputs, then its target."""
    inputs = [start + step * spec.sampling_rate for step in range(spec.sequence_length)]
    return [*inputs, inputs[-1] + spec.horizon * spec.sampling_rate]


@st.composite
def segmented(draw: st.DrawFn) -> tuple[int, list[range]]:
    """A series cut into segments, some of its rows in none."""
    rows = draw(st.integers(1, 120))
    bounds = sorted(draw(st.lists(st.integers(0, rows), max_size=8)))
    segments = [range(*pair) for pair in zip([0, *bounds], [*bounds, rows], strict=True)]
    return rows, [segment for segment in segments if draw(st.integers(0, 3))]


@given(specs, segmented(), fractions, st.sampled_from(POLICIES))
def test_segments_leave_out_the_windows_that_cross_them(
    spec: WindowSpec, series: tuple[int, list[range]], parts: tuple[float, float], policy: str
) -> None:
    """And no others: the rest keep their places, even with a stride."""
    rows, segments = series
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    every = split_windows(ranges, rows, spec, policy)
    kept = split_windows(ranges, rows, spec, policy, segments)
    for name in SPLITS:
        assert starts_of(kept[name]) == [
            start
            for start in starts_of(every[name])
            if any(start in part and rows_of(start, spec)[-1] in part for part in segments)
        ]


@given(specs, segmented(), fractions, st.sampled_from(POLICIES), st.data())
def test_windows_of_an_excluded_target_belong_to_no_split(
    spec: WindowSpec,
    series: tuple[int, list[range]],
    parts: tuple[float, float],
    policy: str,
    data: st.DataObject,
) -> None:
    """The others keep their places; each window taken out adds at most one range."""
    rows, segments = series
    excluded = sorted(data.draw(st.sets(st.integers(0, rows - 1))))
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    for kept in (None, segments):
        every = split_windows(ranges, rows, spec, policy, kept)
        scored = split_windows(ranges, rows, spec, policy, kept, excluded=np.array(excluded))
        for name in SPLITS:
            assert starts_of(scored[name]) == [
                start
                for start in starts_of(every[name])
                if rows_of(start, spec)[-1] not in excluded
            ]
            taken_out = len(every[name]) - len(scored[name])
            assert len(scored[name].runs) <= len(every[name].runs) + taken_out


@given(specs, series, fractions, st.booleans(), st.data())
def test_strict_shares_no_row_between_splits(
    spec: WindowSpec,
    rows: int,
    parts: tuple[float, float],
    cut: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    border = data.draw(st.integers(0, rows))
    segments = [range(border), range(border, rows)] if cut else None
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    windows = split_windows(ranges, rows, spec, "strict", segments)
    used = {
        name: {row for start in starts_of(windows[name]) for row in rows_of(start, spec)}
        for name in SPLITS
    }
    assert not used["train"] & used["validation"]
    assert not used["train"] & used["test"]
    assert not used["validation"] & used["test"]
    assert all(used[name] <= set(ranges[name]) for name in SPLITS)


@given(specs, series, fractions)
def test_lookback_forecasts_every_label_once(
    spec: WindowSpec, rows: int, parts: tuple[float, float]
) -> None:
    every = replace(spec, sequence_stride=1)
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    windows = split_windows(ranges, rows, every, "lookback")
    for name in SPLITS:
        labels = [rows_of(start, every)[-1] for start in starts_of(windows[name])]
        # All but the first rows of the series, which have too few rows before them.
        assert labels == [row for row in ranges[name] if row >= every.target]


@given(specs, series, fractions)
def test_reference_sees_no_label_of_a_later_split_before_its_forecast_is_issued(
    spec: WindowSpec, rows: int, parts: tuple[float, float]
) -> None:
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    windows = split_windows(ranges, rows, spec, "reference")
    ends = {
        name: [rows_of(start, spec)[-2:] for start in starts_of(windows[name])] for name in SPLITS
    }
    for earlier, later in (("train", "validation"), ("validation", "test")):
        issued = [issue for issue, _ in ends[later]]
        # A label of the earlier split may lie past the border, but not further than the horizon.
        reach = ranges[earlier].stop - 1 + spec.horizon * spec.sampling_rate
        assert all(label <= reach for _, label in ends[earlier])
        assert all(issue >= ranges[later].start + spec.last_input for issue in issued)


@given(specs, segmented(), fractions, st.sampled_from(POLICIES), st.integers(0, 9))
def test_rows_that_features_are_computed_from(
    spec: WindowSpec,
    series: tuple[int, list[range]],
    parts: tuple[float, float],
    policy: str,
    history: int,
) -> None:
    """They lie in the window's segment, and in its split under strict, or the series begins."""
    rows, segments = series
    spec = replace(spec, sequence_stride=1)
    ranges = SplitFractions(train=parts[0], validation=parts[1]).row_ranges(np.arange(rows))
    every = split_windows(ranges, rows, spec, policy)
    kept = split_windows(ranges, rows, spec, policy, segments, history=history)

    def is_kept(start: int, split: range) -> bool:
        target = rows_of(start, spec)[-1]
        within = [part for part in segments if start in part and target in part]
        borders = [part.start for part in (*within, *([split] if policy == "strict" else []))]
        return bool(within) and all(not row or start - history >= row for row in borders)

    for name in SPLITS:
        expected = [start for start in starts_of(every[name]) if is_kept(start, ranges[name])]
        assert starts_of(kept[name]) == expected
