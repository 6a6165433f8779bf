"""Each feature by hand or by brute force; and no value changes with a later row."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from jena_etl.errors import DataError
from jena_etl.ingest.jena import JENA_COLUMNS
from jena_etl.params_features import Feature, Features, history
from jena_etl.prepare.features import check_reach, compute_features

T, P = "T (degC)", "p (mbar)"
EVERY_KIND: list[dict[str, Any]] = [
    {"kind": "time_of_day"},
    {"kind": "time_of_year"},
    {"kind": "wind_vector"},
    {"kind": "difference", "column": T, "rows": 6},
    {"kind": "pressure_tendency"},
    {"kind": "rolling_mean", "column": T, "rows": 12},
    {"kind": "rolling_minimum", "column": T, "rows": 5},
    {"kind": "rolling_maximum", "column": P, "rows": 3},
    {"kind": "dew_point_depression"},
]


def features_of(*blocks: dict[str, Any]) -> tuple[Feature, ...]:
    found: tuple[Feature, ...] = TypeAdapter(Features).validate_python(list(blocks))
    return found


def clock(rows: int, first: str = "2012-02-28T12:00", step: int = 600) -> np.ndarray:
    return np.datetime64(first, "s") + np.arange(rows) * np.timedelta64(step, "s")


def station(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).normal(10, 5, (len(JENA_COLUMNS), rows)).round(2)
    return dict(zip(JENA_COLUMNS, values, strict=True))


def one(block: dict[str, Any], **columns: list[float]) -> list[float]:
    """The only column of a feature of T, p, Tdew."""
    units = {"T": T, "p": P, "Tdew": "Tdew (degC)"}
    arrays = {units[name]: np.array(values) for name, values in columns.items()}
    rows = len(next(iter(arrays.values())))
    (values,) = compute_features(features_of(block), arrays, clock(rows)).values()
    found: list[float] = values.tolist()
    return found


def test_every_kind_has_a_formula() -> None:
    kinds = {
        get_args(part.model_fields["kind"].annotation) for part in get_args(get_args(Feature)[0])
    }
    assert {kind for some in kinds for kind in some} == {block["kind"] for block in EVERY_KIND}
    features = features_of(*EVERY_KIND)
    columns = compute_features(features, station(40), clock(40))
    assert list(columns) == [name for feature in features for name in feature.names]
    assert {(values.dtype.name, values.shape) for values in columns.values()} == {
        ("float64", (40,))
    }


def test_the_time_of_day_is_a_hand_that_goes_round_once_a_day() -> None:
    timestamps = np.array(
        ["2009-01-01T00:00", "2009-07-01T03:00", "2009-01-01T06:00", "1969-12-31T12:00"],
        dtype="datetime64[s]",
    )
    found = compute_features(features_of({"kind": "time_of_day"}), {}, timestamps)
    half = round(math.sqrt(0.5), 7)
    assert found["time of day, sine"].tolist() == [0, half, 1, 0]
    assert found["time of day, cosine"].tolist() == [1, half, 0, -1]


def test_the_time_of_year_is_a_hand_that_goes_round_once_in_a_mean_year() -> None:
    """400 years of the calendar are 146,097 days; leap years move a date by a day at most."""
    year = 146_097 * 86_400 // 400
    seconds = np.array([0, year // 4, year // 2, 40 * year])
    found = compute_features(
        features_of({"kind": "time_of_year"}), {}, seconds.astype("datetime64[s]")
    )
    assert found["time of year, sine"].tolist() == [0, 1, 0, 0]
    assert found["time of year, cosine"].tolist() == [1, 0, -1, 1]
    new_years = np.array([f"{y}-01-01" for y in range(2009, 2017)], dtype="datetime64[s]")
    values = compute_features(features_of({"kind": "time_of_year"}), {}, new_years)
    assert np.abs(values["time of year, sine"]).max() < math.sin(2 * math.pi * 1.5 / 365)


def test_the_wind_blows_away_from_where_it_comes() -> None:
    columns = {
        "wv (m/s)": np.array([2.0, 2.0, 2.0, 2.0, 0.0]),
        "wd (deg)": np.array([0.0, 90.0, 180.0, 225.0, 77.0]),  # north, east, south, south-west
    }
    found = compute_features(features_of({"kind": "wind_vector"}), columns, clock(5))
    diagonal = math.sqrt(2)
    np.testing.assert_allclose(found["wv eastward (m/s)"], [0, -2, 0, diagonal, 0], atol=1e-6)
    np.testing.assert_allclose(found["wv northward (m/s)"], [-2, 0, 2, diagonal, 0], atol=1e-6)


def test_a_difference_begins_as_one_from_the_first_row() -> None:
    block = {"kind": "difference", "column": T, "rows": 2}
    assert one(block, T=[1.0, 4.0, 9.0, 16.0]) == [0, 3, 8, 12]
    assert one(block | {"rows": 9}, T=[1.0, 4.0, 9.0, 16.0]) == [0, 3, 8, 15]


def test_the_pressure_tendency_is_over_three_hours() -> None:
    found = one({"kind": "pressure_tendency"}, p=[1000.0 + row**2 for row in range(20)])
    assert found[18:] == [18**2, 19**2 - 1]


def test_the_dew_point_depression() -> None:
    assert one({"kind": "dew_point_depression"}, T=[5.5, -1.0], Tdew=[5.5, -3.0]) == [0, 2]


@pytest.mark.parametrize("rows", [2, 3, 7, 50])
@pytest.mark.parametrize(
    ("kind", "function"),
    [("rolling_mean", np.mean), ("rolling_minimum", np.min), ("rolling_maximum", np.max)],
)
def test_rolling_is_over_the_row_and_those_before_it(kind: str, function: Any, rows: int) -> None:
    values = station(40)[T]
    found = one({"kind": kind, "column": T, "rows": rows}, T=values.tolist())
    expected = [function(values[max(0, row - rows + 1) : row + 1]) for row in range(40)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=50)
@given(st.integers(1, 60), st.data(), st.floats(-1e6, 1e6), st.integers(0, 9))
def test_a_changed_row_changes_no_feature_of_an_earlier_row(
    rows: int, data: st.DataObject, value: float, seed: int
) -> None:
    row = data.draw(st.integers(0, rows - 1))
    name = data.draw(st.sampled_from(JENA_COLUMNS))
    features = features_of(*EVERY_KIND)
    columns, timestamps = station(rows, seed), clock(rows)
    before = compute_features(features, columns, timestamps)
    later = columns | {name: columns[name].copy()}
    later[name][row] = value
    moved = timestamps.copy()
    moved[row:] += np.timedelta64(3, "h")
    after = compute_features(features, later, moved)
    for feature, values in before.items():
        assert values[:row].tobytes() == after[feature][:row].tobytes(), feature


def test_a_value_is_computed_from_no_more_rows_than_the_history_says() -> None:
    """So a forecaster that is given these rows alone computes what the pipeline has computed."""
    features = features_of(*EVERY_KIND)
    back = history(features)
    assert back == 18  # the pressure tendency's
    columns, timestamps = station(100), clock(100)
    whole = compute_features(features, columns, timestamps)
    for row in (back, 60, 99):
        rows = slice(row - back, row + 1)
        part = {name: values[rows] for name, values in columns.items()}
        for name, values in compute_features(features, part, timestamps[rows]).items():
            assert values[-1] == pytest.approx(whole[name][row], rel=1e-12, abs=1e-12), name


def test_every_row_that_a_feature_says_it_reads_shapes_it_and_no_other_does() -> None:
    for feature in features_of(*EVERY_KIND):
        for key, name in feature.inputs.items():
            columns = station(40)
            before = compute_features([feature], columns, clock(40))
            read = set()
            for back in range(40):
                for value in (-1000.0, 1000.0):  # a minimum shows the one, a maximum the other
                    changed = columns | {name: columns[name].copy()}
                    changed[name][39 - back] = value
                    after = compute_features([feature], changed, clock(40))
                    if any(abs(after[out][39] - before[out][39]) > 1e-6 for out in after):
                        read.add(back)
            assert read == set(feature.rows_back), (feature, key)


def test_a_feature_that_reaches_beyond_the_series() -> None:
    features = features_of({"kind": "difference", "column": T, "rows": 6})
    check_reach(features, 7)  # the last row has six before it
    with pytest.raises(DataError, match=r"features.difference reaches 6 rows back, .* has 6 rows"):
        check_reach(features, 6)
