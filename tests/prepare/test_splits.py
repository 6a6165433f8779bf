"""Row ranges and windows of the splits: the published figures, and what must hold for any."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import DataError, ProjectError, WindowError
from jena_etl.ingest.convert import convert
from jena_etl.params import Window, read_params
from jena_etl.prepare.climate import Climate, read_climate
from jena_etl.prepare.outputs import BySplit, Choice, Splits, Statistics
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.prepare.splits import describe_splits
from jena_etl.prepare.statistics import train_statistics
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.index import SPLITS, WindowIndex
from jena_etl.windows.policies import POLICIES, split_windows
from jena_etl.windows.spec import WindowSpec

JENA = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)
ROWS = 420_451


def every_ten_minutes(rows: int) -> np.ndarray:
    return np.datetime64("2009-01-01T00:10:00", "s") + np.arange(rows) * np.timedelta64(600, "s")


def statistics_of(climate: Climate, rows: range) -> Statistics:
    return Statistics(climate_sha256=climate.sha256, rows=rows, columns={}, constant=())


def described(
    rows: int,
    *,
    spec: WindowSpec = JENA,
    policy: str = "reference",
    train: float = 0.5,
    statistics_rows: range | None = None,
    gaps: Literal["keep", "drop"] = "keep",
    timestamps: np.ndarray | None = None,
    filled_targets: tuple[int, ...] = (),
) -> Splits:
    climate = Climate(every_ten_minutes(rows) if timestamps is None else timestamps, {})
    return describe_splits(
        climate,
        statistics_of(climate, statistics_rows or range(int(train * rows))),
        SplitFractions(train=train, validation=0.25),
        policy=policy,
        window=Window(target="T (degC)", gaps=gaps, **vars(spec)),
        filled_targets=np.array(filled_targets, dtype=np.int64),
    )


def test_the_books_rows() -> None:
    ranges = SplitFractions(train=0.5, validation=0.25).row_ranges(np.arange(ROWS))
    assert ranges == {
        "train": range(210_225),
        "validation": range(210_225, 315_337),
        "test": range(315_337, ROWS),
    }
    assert [len(split) for split in ranges.values()] == [210_225, 105_112, 105_114]


@given(st.integers(0, 10**7), st.floats(0, 1), st.floats(0, 1))
def test_ranges_partition_the_rows(rows: int, train: float, share: float) -> None:
    validation = share * (1 - train)
    ranges = SplitFractions(train=train, validation=validation).row_ranges(np.arange(rows))
    assert tuple(ranges) == SPLITS
    ends = [0, *(split.stop for split in ranges.values())]
    assert [split.start for split in ranges.values()] == ends[:-1]
    assert ends == sorted(ends)
    assert ends[-1] == rows
    assert abs(len(ranges["train"]) - train * rows) <= 1
    assert abs(len(ranges["validation"]) - validation * rows) <= 1


@pytest.mark.parametrize(
    ("policy", "train", "validation", "test"),
    [
        ("reference", 209_511, 104_398, 103_542),
        ("strict", 209_367, 104_254, 104_256),
        ("lookback", 209_367, 105_112, 105_114),
    ],
)
def test_the_nine_counts_of_the_design(policy: str, train: int, validation: int, test: int) -> None:
    splits = described(ROWS, policy=policy).splits
    assert [split.windows for split in splits.values()] == [train, validation, test]
    for split in splits.values():
        assert len(WindowIndex(split.starts)) == split.windows


@pytest.mark.parametrize("policy", POLICIES)
@given(
    spec=st.builds(
        WindowSpec,
        sequence_length=st.integers(1, 4),
        sampling_rate=st.integers(1, 3),
        horizon=st.integers(1, 3),
        sequence_stride=st.just(1),
    ),
    rows=st.integers(300, 400),
    train=st.sampled_from([0.4, 0.5, 0.6]),
)
def test_windows_are_those_of_the_policys_sentence(
    policy: str, spec: WindowSpec, rows: int, train: float
) -> None:
    """Every start row is tried, by the sentences of ../shared/design/windows.md."""
    found = described(rows, spec=spec, policy=policy, train=train).splits
    reach = (spec.sequence_length - 1) * spec.sampling_rate
    target = (spec.sequence_length + spec.horizon - 1) * spec.sampling_rate
    for split in found.values():
        first, stop = split.rows.start, split.rows.stop
        expected = []
        for start in range(rows - target):
            inputs = first <= start and start + reach < stop
            label = first <= start + target < stop
            belongs = {
                "reference": inputs and start + reach < rows - target,
                "strict": inputs and label,
                "lookback": label,
            }
            expected += [start] if belongs[policy] else []
        index = WindowIndex(split.starts)
        assert index.starts(np.arange(len(index))).tolist() == expected


def test_content() -> None:
    spec = WindowSpec(sequence_length=3, sampling_rate=2, horizon=1, sequence_stride=4)
    found = described(80, spec=spec, policy="strict")
    other = {"climate_sha256", "splits", "choices"}
    assert found.model_dump(mode="json", exclude=other) == {
        "rows": 80,
        "policy": "strict",
        "gaps": "keep",
        "target": "T (degC)",
        "window": {
            "sequence_length": 3,
            "sampling_rate": 2,
            "horizon": 1,
            "sequence_stride": 4,
        },
    }
    splits = found.splits
    # Row 40 is timestamped 00:10 + 400 minutes; the target lies 6 rows after a start, so the last
    # start is 52, and 56 would come next.
    assert splits["validation"].model_dump(mode="json") == {
        "rows": [40, 60],
        "first": "2009-01-01T06:50:00",
        "last": "2009-01-01T10:00:00",
        "windows": 4,
        "left_out": 0,
        "starts": [[40, 56, 4]],
    }
    # No timestamp is missing, so gaps change nothing. Of 40, 20 and 20 rows, every fourth start:
    # The reference's inputs span 5 rows, and 5 + 6 at the end; strict and lookback lose 6 starts.
    counts = {
        "reference": BySplit[int](train=9, validation=4, test=3),
        "strict": BySplit[int](train=9, validation=4, test=4),
        "lookback": BySplit[int](train=9, validation=5, test=5),
    }
    assert list(found.choices) == [
        Choice(policy=policy, gaps=gaps, windows=counts[policy])
        for policy in ("reference", "strict", "lookback")
        for gaps in ("keep", "drop")
    ]


def test_statistics_of_other_rows_are_refused() -> None:
    with pytest.raises(ProjectError) as caught:
        described(10_000, statistics_rows=range(4999))
    assert str(caught.value) == (
        "statistics.json was computed from rows [0, 4999], the train split is [0, 5000]; "
        "build it again: dvc repro statistics"
    )


def test_statistics_of_another_series_are_refused() -> None:
    other = Climate(every_ten_minutes(80) + np.timedelta64(1, "s"), {})
    climate = Climate(every_ten_minutes(80), {})
    with pytest.raises(ProjectError, match=r"climate.parquet or other features; .*: dvc repro st"):
        describe_splits(
            climate,
            statistics_of(other, range(40)),
            SplitFractions(train=0.5, validation=0.25),
            policy="strict",
            window=Window(target="T (degC)", gaps="keep", **vars(WindowSpec(sequence_length=3))),
            filled_targets=np.arange(0),
        )


@pytest.mark.parametrize(
    ("train", "name", "has"),
    [(0.05, "train", 50), (0.7, "test", 50), (0.5, "validation", 250)],
)
def test_split_without_a_window_is_refused_by_name(train: float, name: str, has: int) -> None:
    # One input per row and the target in the next: a strict window spans one row more.
    with pytest.raises(DataError) as caught:
        described(1000, spec=WindowSpec(sequence_length=has), policy="strict", train=train)
    assert str(caught.value) == (
        f"the {name} split, {has} of 1,000 rows, holds no window under policy strict, gaps keep: "
        f"a window's inputs span {has} rows, its target lies {has} rows after its start; use a "
        "longer file, or a lower window.sequence_length or horizon"
    )
    spec = WindowSpec(sequence_length=has - 1)
    splits = described(1000, spec=spec, policy="strict", train=train).splits
    assert splits[name].windows == 1


def test_last_split_of_the_book_needs_more_rows_than_a_window() -> None:
    # Its inputs end 858 rows before the file: 715 + 858 rows are needed, 1,572 are not enough.
    with pytest.raises(DataError, match=r"the test split, 1,572 of 6,288 rows, holds no window"):
        described(4 * 1572)
    splits = described(4 * 1573).splits
    assert splits["test"].windows == 1


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
@pytest.mark.parametrize("policy", POLICIES)
def test_file_far_too_short(rows: int, policy: str) -> None:
    with pytest.raises(DataError, match=r"the (train|validation|test) split, \d of \d rows"):
        described(rows, policy=policy, spec=WindowSpec(sequence_length=1))


def timestamped(steps: list[int]) -> np.ndarray:
    """Timestamps by the seconds between them."""
    seconds = np.concatenate([[0], np.cumsum(steps)]).astype("m8[s]")
    timestamps: np.ndarray = np.datetime64("2010-06-01T00:00:00", "s") + seconds
    return timestamps


@pytest.mark.parametrize(
    ("steps", "segments"),
    [
        ([], [range(1)]),
        ([600], [range(2)]),
        ([600, 600, 600], [range(4)]),
        ([600, 1200, 600, 600], [range(2), range(2, 5)]),  # a hole
        ([600, 0, 600, 600], [range(2), range(2, 5)]),  # a repeated timestamp
        ([600, 600, -1200, 600, 600], [range(3), range(3, 6)]),  # a stretch told twice
        ([600, 599, 601, 600], [range(2), range(2, 3), range(3, 5)]),  # one timestamp off
        ([3600, 3600, 600, 3600], [range(3), range(3, 5)]),  # an hourly file
        ([0, 0], [range(1), range(1, 2), range(2, 3)]),
        ([-600, -600], [range(1), range(1, 2), range(2, 3)]),
        ([600, 1200], [range(2), range(2, 3)]),  # too few to tell: the finer grid
    ],
)
def test_segments_by_hand(steps: list[int], segments: list[range]) -> None:
    assert segments_from_timestamps(timestamped(steps)) == segments


def test_no_timestamps_no_segments() -> None:
    assert sum(map(len, segments_from_timestamps(timestamped([])[:0]))) == 0


odd_steps = st.sampled_from([0, -600, -1200, -86_400, 1, 599, 601, 1200, 1800, 86_400])


@st.composite
def records(draw: st.DrawFn) -> np.ndarray:
    """Timestamps ten minutes apart, but for a few."""
    rows = draw(st.integers(2, 90))
    steps = [600] * (rows - 1)
    places = st.integers(0, rows - 2)
    for at in draw(st.lists(places, max_size=(rows - 1) // 3)):
        steps[at] = draw(odd_steps)
    return timestamped(steps)


@pytest.mark.parametrize("policy", POLICIES)
@given(
    timestamps=records(),
    spec=st.builds(
        WindowSpec,
        sequence_length=st.integers(1, 4),
        sampling_rate=st.integers(1, 3),
        horizon=st.integers(1, 3),
        sequence_stride=st.integers(1, 4),
    ),
)
def test_gaps_drop_is_the_windows_of_one_regular_grid(
    policy: str, timestamps: np.ndarray, spec: WindowSpec
) -> None:
    """Row by row: each timestamp ten minutes after the one before, first input to target."""
    rows = len(timestamps)
    ranges = SplitFractions(train=0.5, validation=0.25).row_ranges(np.arange(rows))
    every = split_windows(ranges, rows, spec, policy)
    dropped = split_windows(ranges, rows, spec, policy, segments_from_timestamps(timestamps))
    ten_minutes = np.timedelta64(600, "s")
    for name in SPLITS:
        starts = every[name].starts(np.arange(len(every[name]))).tolist()
        expected = [
            start
            for start in starts
            if all(
                timestamps[start + row] == timestamps[start] + row * ten_minutes
                for row in range(spec.span)
            )
        ]
        found = dropped[name].starts(np.arange(len(dropped[name]))).tolist()
        assert found == expected


def test_gaps_are_dropped_where_they_are_asked_for() -> None:
    """One hole in each split of 80 rows; a window spans 7 of them."""
    steps = [600] * 79
    for after in (9, 49, 69):  # the hole lies between this row and the next
        steps[after] = 6000
    spec = WindowSpec(sequence_length=3, sampling_rate=2, horizon=1)
    timestamps = timestamped(steps)
    kept = described(80, spec=spec, policy="strict", gaps="keep", timestamps=timestamps)
    dropped = described(80, spec=spec, policy="strict", gaps="drop", timestamps=timestamps)
    assert kept.choices == dropped.choices
    assert (kept.gaps, dropped.gaps) == ("keep", "drop")
    assert [split.starts for split in dropped.splits.values()] == [
        (range(4), range(10, 34)),
        (range(40, 44), range(50, 54)),
        (range(60, 64), range(70, 74)),
    ]
    assert [split.starts for split in kept.splits.values()] == [
        (range(34),),
        (range(40, 54),),
        (range(60, 74),),
    ]
    choices = {(choice.policy, choice.gaps): choice.windows for choice in kept.choices}
    assert choices["strict", "keep"] == BySplit[int](train=34, validation=14, test=14)
    assert choices["strict", "drop"] == BySplit[int](train=28, validation=8, test=8)


def test_a_split_of_gaps_alone_is_refused() -> None:
    steps = [600] * 60 + [1200, 600] * 10
    with pytest.raises(
        DataError, match=r"the test split, 21 of 81 rows, .* under policy strict, gaps drop"
    ):
        described(
            81,
            spec=WindowSpec(sequence_length=2),
            policy="strict",
            gaps="drop",
            timestamps=timestamped(steps),
        )


def test_unknown_policy() -> None:
    with pytest.raises(WindowError, match=r"reference, strict, lookback, found 'bok'"):
        described(ROWS, policy="bok")


def test_hourly_file(station_data: Path, tmp_path: Path, checkout: Path) -> None:
    """With one row an hour the same window reads every row; its target lies 143 rows on."""
    name = "jena_climate_2009_2016_hourly.csv"
    climate = tmp_path / "climate.parquet"
    changes = {"members": (name,), "columns": ("T (degC)",)}
    options = read_params(checkout / "params.yaml").convert.model_copy(update=changes)
    convert([station_data / f"{name}.zip"], climate, tmp_path / "findings.parquet", options)
    series = read_climate(climate)
    found = describe_splits(
        series,
        train_statistics(series, SplitFractions(train=0.5, validation=0.25)),
        SplitFractions(train=0.5, validation=0.25),
        policy="reference",
        window=Window(
            target="T (degC)",
            gaps="keep",
            sequence_length=120,
            sampling_rate=1,
            horizon=24,
            sequence_stride=1,
        ),
        filled_targets=np.arange(0),
    ).splits
    assert [split.rows for split in found.values()] == [
        range(35_019),
        range(35_019, 52_528),
        range(52_528, 70_038),
    ]
    # reference: rows - 119 starts, and in the test split 143 labels fewer.
    assert [split.windows for split in found.values()] == [
        35_019 - 119,
        17_509 - 119,
        17_510 - 119 - 143,
    ]
    assert found["train"].first == "2009-01-01T00:10:00"
    assert found["test"].last == "2016-12-31T23:50:00"
