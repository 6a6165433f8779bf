"""The rows and windows of a fold, by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jena_etl.errors import DataError
from jena_etl.params import Window
from jena_etl.params_rolling_origin import RollingOrigin
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import Splits
from jena_etl.prepare.rolling_origin import FoldRows, cut, describe_fold, fold_rows
from jena_etl.prepare.statistics import train_statistics
from jena_etl.windows.policies import POLICIES
from jena_etl.windows.spec import WindowSpec
from tests.prepare.test_features import features_of

HOURS = np.datetime64("2020-01-01T00", "s") + np.arange(100) * np.timedelta64(3600, "s")


def rolling(test: int, validation: int, train: int | None = None, gap: int = 0) -> RollingOrigin:
    return RollingOrigin(
        origins=(), test_rows=test, validation_rows=validation, train_rows=train, gap=gap
    )


def test_rows_of_a_fold_by_hand() -> None:
    """100 hours from the first of January; the third begins with row 48."""
    expanding = fold_rows(HOURS, "2020-01-03", rolling(20, 10))
    assert expanding == FoldRows(train=range(38), validation=range(38, 48), test=range(48, 68))
    sliding = fold_rows(HOURS, "2020-01-03T05", rolling(20, 10, 30))
    assert sliding == FoldRows(train=range(13, 43), validation=range(43, 53), test=range(53, 73))
    assert sliding.row_ranges(np.arange(60)) == {
        "train": range(30), "validation": range(30, 40), "test": range(40, 60),
    }  # fmt: skip
    assert sliding.inside(np.array([3, 12, 13, 50, 72, 73])).tolist() == [0, 37, 59]


def test_the_origin_may_lie_in_a_hole_of_the_series() -> None:
    timestamps = np.delete(HOURS, range(40, 60))  # 2 Jan 16:00 to 3 Jan 11:00
    found = fold_rows(timestamps, "2020-01-03", rolling(20, 10))
    assert found.test == range(40, 60)
    assert timestamps[40] == np.datetime64("2020-01-03T12")


@pytest.mark.parametrize(
    ("origin", "validation", "found"),
    [
        ("2020-01-04T09", 10, "81 rows lie before the origin 2020-01-04T09 and 19 from it on"),
        ("2020-01-01T10", 10, "10 rows lie before the origin 2020-01-01T10 and 90 from it on"),
        ("2019-01-01", 10, "0 rows lie before the origin 2019-01-01 and 100 from it on"),
        ("2021-01-01", 10, "100 rows lie before the origin 2021-01-01 and 0 from it on"),
    ],
)
def test_an_origin_too_near_an_end_is_refused(origin: str, validation: int, found: str) -> None:
    with pytest.raises(DataError, match=found):
        fold_rows(HOURS, origin, rolling(20, validation))


def described(
    rows: FoldRows, spec: WindowSpec, policy: str, gap: int, filled: tuple[int, ...] = ()
) -> Splits:
    timestamps = HOURS[0] + np.arange(400) * np.timedelta64(3600, "s")
    part = cut(Climate(timestamps, {"T": np.sin(np.arange(400.0))}), rows.span)
    return describe_fold(
        part,
        train_statistics(part, rows),
        rows,
        policy=policy,
        window=Window(target="T", gaps="keep", **vars(spec)),
        gap=gap,
        filled_targets=rows.inside(np.array(filled, dtype=np.int64)),
    )


def targets(splits: Splits, name: str, spec: WindowSpec) -> list[int]:
    return [start + spec.target for run in splits.splits[name].starts for start in run]


@given(
    st.sampled_from(POLICIES),
    st.builds(
        WindowSpec,
        sequence_length=st.integers(1, 6),
        sampling_rate=st.integers(1, 3),
        horizon=st.integers(1, 8),
        sequence_stride=st.integers(1, 3),
    ),
    st.integers(0, 30),
    st.integers(0, 40),
    st.lists(st.integers(0, 399), max_size=10).map(lambda rows: tuple(sorted(set(rows)))),
)
def test_no_label_is_later_than_the_first_scored_forecast(
    policy: str, spec: WindowSpec, gap: int, first: int, filled: tuple[int, ...]
) -> None:
    """By brute force: of all windows of the policy, those that know too much are left out."""
    rows = FoldRows(train=range(first, 150), validation=range(150, 220), test=range(220, 300))
    try:
        splits = described(rows, spec, policy, gap, filled)
    except DataError:
        assume(False)
    unlimited = described(rows, spec, policy, -400, filled)
    starts = splits.splits["test"].starts
    assert starts == unlimited.splits["test"].starts
    issued = min(run[0] for run in starts) + spec.last_input
    for name in ("train", "validation"):
        known = [row for row in targets(unlimited, name, spec) if row <= issued - gap]
        assert targets(splits, name, spec) == known
        assert splits.splits[name].windows == len(known)
    assert max(targets(splits, "validation", spec)) <= issued - gap
    assert splits.rows == 300 - first
    assert Splits.model_validate_json(splits.model_dump_json()) == splits


def test_statistics_are_of_the_train_rows_alone() -> None:
    rows = FoldRows(train=range(10, 150), validation=range(150, 220), test=range(220, 300))
    values = np.arange(400.0)
    part = cut(
        Climate(HOURS[0] + np.arange(400) * np.timedelta64(3600, "s"), {"T": values}), rows.span
    )
    statistics = train_statistics(part, rows)
    assert statistics.columns["T"].mean == values[10:150].mean()
    assert statistics.rows == range(140)
    assert len(part) == 290  # what lies behind the test rows is not even there


def test_a_gap_that_leaves_no_window_is_refused() -> None:
    rows = FoldRows(train=range(150), validation=range(150, 160), test=range(160, 300))
    spec = WindowSpec(sequence_length=3, sampling_rate=1, horizon=2)
    with pytest.raises(DataError, match="no window is left whose target lies 30 rows"):
        described(rows, spec, "lookback", 30)


def test_a_fold_keeps_the_features_that_were_computed_for_its_rows() -> None:
    features = features_of({"kind": "difference", "column": "T", "rows": 3})
    columns = {"T": np.arange(100.0), "T difference over 3 rows": np.full(100, 3.0)}
    part = cut(Climate(HOURS, columns, features), range(10, 30))
    assert (part.features, part.history) == (features, 3)
    assert list(part.measurements) == ["T"]
    assert part.columns["T difference over 3 rows"].tolist() == [3.0] * 20
