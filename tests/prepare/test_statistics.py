"""Mean and spread of the train rows, against NumPy, and of no other row."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jena_etl.errors import DataError
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import ColumnStatistics, Statistics
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.prepare.statistics import column_statistics, pooled, train_statistics

# Numbers as a station logs them; NumPy's own rounding stays far below the tolerance.
VALUES = st.floats(-1e4, 1e4).map(lambda value: round(value, 2))


def climate(**columns: np.ndarray) -> Climate:
    rows = len(next(iter(columns.values())))
    timestamps = np.datetime64("2009-01-01", "s") + np.arange(rows) * np.timedelta64(600, "s")
    return Climate(timestamps, columns)


def statistics_of(*, train: float = 0.5, **columns: np.ndarray) -> Statistics:
    return train_statistics(climate(**columns), SplitFractions(train=train, validation=0.25))


def test_by_hand() -> None:
    # The first half: 1, 2, 3, 6: mean 3, squares 4 + 1 + 0 + 9 over 4.
    values = np.array([1.0, 2.0, 3.0, 6.0, 100.0, np.nan, 1e300, -1.0])
    found = statistics_of(a=values, b=-values)
    assert found.model_dump(mode="json", exclude={"climate_sha256"}) == {
        "rows": [0, 4],
        "columns": {"a": {"mean": 3.0, "std": 3.5**0.5}, "b": {"mean": -3.0, "std": 3.5**0.5}},
        "constant": [],
    }
    assert found.climate_sha256 == climate(a=values, b=-values).sha256


def test_eight_years_of_rows_as_numpy_sums_them() -> None:
    rng = np.random.default_rng(0)
    rows = 420_451
    columns = {
        "p (mbar)": np.round(989 + 8 * rng.standard_normal(rows), 2),
        "T (degC)": np.round(9 + 8 * rng.standard_normal(rows), 2),
    }
    fractions = SplitFractions(train=0.5, validation=0.25)
    found = train_statistics(climate(**columns), fractions)
    assert found.rows == range(210_225)
    assert list(found.columns) == list(columns)
    for name, values in columns.items():
        train = values[:210_225]
        assert found.columns[name].mean == pytest.approx(train.mean(), rel=1e-12)
        assert found.columns[name].std == pytest.approx(train.std(ddof=0), rel=1e-12)


@given(data=st.data(), values=hnp.arrays(np.float64, st.integers(2, 50), elements=VALUES))
def test_no_later_row_counts(data: st.DataObject, values: np.ndarray) -> None:
    train = data.draw(st.sampled_from([0.5, 0.6, 0.7]))
    rows = int(train * len(values))
    later = hnp.arrays(np.float64, len(values) - rows, elements=st.floats())
    changed = np.concatenate([values[:rows], data.draw(later)])
    found, expected = (statistics_of(train=train, a=a) for a in (changed, values))
    assert found.columns == expected.columns


@given(hnp.arrays(np.float64, st.integers(1, 200), elements=VALUES))
def test_numpy_agrees(values: np.ndarray) -> None:
    mean, std = column_statistics(values)
    assert mean == pytest.approx(values.mean(), rel=1e-12, abs=1e-11)
    assert std == pytest.approx(values.std(ddof=0), rel=1e-12, abs=1e-11)


@given(st.data(), hnp.arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e30, 1e30)))
def test_order_of_the_rows_leaves_every_bit(data: st.DataObject, values: np.ndarray) -> None:
    mixed = np.array(data.draw(st.permutations(list(values))))
    assert column_statistics(values) == column_statistics(mixed)


def test_constant_column_is_named_and_gets_std_1() -> None:
    # 0.1 ten times over sums to 0.9999999999999999: the mean must be 0.1 all the same.
    found = statistics_of(a=np.full(20, 0.1), b=np.arange(20.0))
    assert found.constant == ("a",)
    assert found.columns["a"] == ColumnStatistics(mean=0.1, std=1.0)


def test_column_constant_in_the_train_rows_alone() -> None:
    assert statistics_of(a=np.array([2.0, 2.0, 3.0, 4.0])).constant == ("a",)
    assert statistics_of(a=np.array([2.0, 3.0, 3.0, 3.0])).constant == ()


def test_spread_below_what_float64_can_square() -> None:
    found = statistics_of(a=np.array([0.0, 1e-200, 5.0, 5.0]))
    assert found.constant == ("a",)
    assert found.columns == {"a": ColumnStatistics(mean=0.0, std=1.0)}


def test_figures_survive_json(tmp_path: Path) -> None:
    found = statistics_of(a=np.round(np.random.default_rng(1).normal(size=100), 2))
    found.write(tmp_path / "statistics.json")
    assert Statistics.read(tmp_path / "statistics.json") == found


def test_no_train_row() -> None:
    with pytest.raises(DataError, match=r"none of the 1 rows; use a longer file or a larger"):
        statistics_of(a=np.array([1.0]))


@given(
    st.lists(hnp.arrays(np.float64, st.integers(2, 30), elements=VALUES), min_size=1, max_size=4)
)
@settings(max_examples=50)
def test_pooled_statistics_are_those_of_all_rows_together(series: list[np.ndarray]) -> None:
    halves = [values[: len(values) // 2] for values in series]
    together = np.concatenate(halves)
    found = pooled({str(at): statistics_of(a=values) for at, values in enumerate(series)})
    assert found.rows == range(len(halves[0]))
    assert found.pooled_over == tuple(map(str, range(len(series))))
    mean, std = found.columns["a"].mean, found.columns["a"].std
    assert mean == pytest.approx(together.mean(), rel=1e-9, abs=1e-9)
    if found.constant:
        assert (together.max(), std) == (together.min(), 1.0)
    else:
        assert std == pytest.approx(together.std(), rel=1e-9)


def test_columns_that_are_constant_at_different_levels_are_not_constant_together() -> None:
    own = {"a": statistics_of(a=np.full(8, 1.0)), "b": statistics_of(a=np.full(8, 3.0))}
    assert pooled(own).columns["a"] == ColumnStatistics(mean=2.0, std=1.0)
    assert pooled(own).constant == ()
    own["b"] = own["a"]
    assert pooled(own).constant == ("a",)


def test_stations_with_other_columns_are_not_pooled() -> None:
    own = {"a": statistics_of(a=np.arange(8.0)), "b": statistics_of(b=np.arange(8.0))}
    with pytest.raises(
        DataError, match=r"^station b has the columns b; expected a; build it again"
    ):
        pooled(own)
