"""Measurements in their units in, the target's unit out; no model here needs TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from jena_etl.errors import DataError, TrainingError
from jena_etl.evaluation.prediction_intervals import conformal_quantiles
from tests.forecasting.models import COLUMNS, forecaster, with_features

ROWS = 8  # a window spans 5 rows, so that forecasts are issued at rows 4, 5, 6 and 7


def measurements() -> dict[str, Any]:
    """Row k holds p = 1000 + k, T = k and rh = 50, in another order, and a column more."""
    rows = np.arange(ROWS)
    return {"T (degC)": rows, "rh (%)": [50.0] * ROWS, "wd (deg)": rows, "p (mbar)": 1000.0 + rows}


def test_the_model_reads_normalised_windows_with_the_columns_in_its_order() -> None:
    seen: list[np.ndarray] = []

    def model(windows: np.ndarray) -> np.ndarray:
        seen.append(windows)
        return windows[:, 0, 0]

    forecaster(model).forecast(measurements())
    (windows,) = seen
    assert windows.dtype == np.float32
    assert windows.shape == (4, 3, 3)
    # Rows 1, 3 and 5; (1000 + k - 990) / 10, (k - 10) / 4, (50 - 75) / 20.
    np.testing.assert_allclose(
        windows[1], [[1.1, -2.25, -1.25], [1.3, -1.75, -1.25], [1.5, -1.25, -1.25]], rtol=1e-6
    )


def test_a_model_that_reads_backwards_gets_the_latest_row_first() -> None:
    both = [
        forecaster(lambda windows: windows[:, 0, 1], order=order).forecast(measurements())
        for order in ("forward", "reversed")
    ]
    np.testing.assert_allclose(both[0], [(k - 10) / 4 for k in range(4)])
    np.testing.assert_allclose(both[1], [(k + 4 - 10) / 4 for k in range(4)])


def test_a_forecast_for_every_row_with_a_whole_window_whatever_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jena_etl.forecasting.forecaster.BATCH_SIZE", 3)
    found = forecaster(lambda windows: windows[:, -1, 1] * 4 + 10)
    assert found.rows == 5
    assert found.forecast(measurements()).tolist() == [4, 5, 6, 7]
    exactly = {name: np.asarray(cells)[:5] for name, cells in measurements().items()}
    assert found.forecast(exactly).tolist() == [4]


def test_the_naive_forecast_is_the_target_at_the_issue_time() -> None:
    naive = forecaster().naive(measurements())
    assert naive.dtype == np.float32
    assert naive.tolist() == [4, 5, 6, 7]


def test_the_quantiles_are_the_forecast_and_what_it_was_off_by() -> None:
    """Ten residuals, of which the 1st, 6th and 10th are taken."""
    residuals = conformal_quantiles(np.arange(10) / 2 - 1, None)
    sure = replace(forecaster(lambda windows: windows[:, -1, 1] * 4 + 10), residuals=residuals)
    found = sure.forecast_quantiles(measurements())
    assert found.dtype == np.float32
    assert found.tolist() == [[k - 1, k + 1.5, k + 3.5] for k in (4, 5, 6, 7)]
    with pytest.raises(DataError, match="there is a hole"):
        sure.forecast_quantiles(measurements(), CLOCK + np.arange(ROWS) * np.timedelta64(1, "m"))


def test_without_residuals_there_are_no_quantiles() -> None:
    with pytest.raises(TrainingError, match=r"dense may be is not known; .* dvc repro evaluate"):
        forecaster().forecast_quantiles(measurements())


def test_any_table_that_gives_a_column_by_its_name() -> None:
    expected = forecaster().forecast(measurements())
    for table in (pl.DataFrame(measurements()), pl.DataFrame(measurements()).to_arrow()):
        np.testing.assert_array_equal(forecaster().forecast(table), expected)


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda cells: {key: value for key, value in cells.items() if key != name}


def with_cell(name: str, row: int, value: object) -> Callable[[dict[str, Any]], Any]:
    def change(cells: dict[str, Any]) -> dict[str, Any]:
        column = list(cells[name])
        column[row] = value
        return cells | {name: column}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("rh (%)"), "the measurements have no column 'rh (%)', which the model reads"),
        (
            lambda cells: pl.DataFrame(without("rh (%)")(cells)),
            "the measurements have no column 'rh (%)', which the model reads",
        ),
        (with_cell("T (degC)", 3, float("nan")), "'T (degC)' holds nan in row 3, expected a meas"),
        (with_cell("T (degC)", 3, float("inf")), "'T (degC)' holds inf in row 3, expected a meas"),
        (with_cell("T (degC)", 3, None), "'T (degC)' holds nan in row 3, expected a measurement"),
        (with_cell("T (degC)", 3, "warm"), "'T (degC)' holds something other than numbers"),
        (lambda cells: cells | {"rh (%)": [50.0]}, "have different lengths (1, 8 rows)"),
        (lambda cells: cells | {"rh (%)": 50.0}, "'rh (%)' has shape (), expected (rows,)"),
        (
            lambda cells: {name: list(column)[:4] for name, column in cells.items()},
            "4 rows are too few for a forecast of dense, which reads 5 rows up to the one at",
        ),
    ],
)
def test_measurements_that_are_refused(
    change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    for forecast in (forecaster().forecast, forecaster().naive):
        with pytest.raises(DataError) as caught:
            forecast(change(measurements()))
        assert message in str(caught.value)


CLOCK = np.datetime64("2016-12-31T22:40") + np.arange(ROWS) * np.timedelta64(10, "m")


@pytest.mark.parametrize(
    ("row", "minutes", "message"),
    [
        (3, 10, "there is a hole: 2016-12-31T23:00:00 is followed by 2016-12-31T23:20:00, exp"),
        (3, -10, "the timestamps do not advance: 2016-12-31T23:00:00 is followed by 2016-12-31T"),
        (7, 1, "there is a hole: 2016-12-31T23:40:00 is followed by 2016-12-31T23:51:00, expec"),
    ],
)
def test_a_hole_between_the_timestamps_is_refused(row: int, minutes: int, message: str) -> None:
    forecaster().forecast(measurements(), CLOCK)
    clock = CLOCK.copy()
    clock[row] += np.timedelta64(minutes, "m")
    with pytest.raises(DataError) as caught:
        forecaster().forecast(measurements(), clock)
    assert message in str(caught.value)


def test_timestamps_of_other_rows_are_refused() -> None:
    with pytest.raises(DataError, match="there are 8 rows, but 7 timestamps"):
        forecaster().forecast(measurements(), CLOCK[1:])


def test_a_model_that_forecasts_nothing_finite_is_refused() -> None:
    broken = forecaster(lambda windows: windows[:, 0, 0] * np.nan)
    with pytest.raises(TrainingError, match="dense forecasts NaN or infinity; train it again: dvc"):
        broken.forecast(measurements())


def test_it_is_shown_in_a_line() -> None:
    assert repr(forecaster()) == (
        "<Forecaster: dense, T (degC) 0:40:00 ahead, from 5 rows of 3 columns>"
    )


def test_how_far_ahead() -> None:
    assert forecaster().metadata.lead_time.total_seconds() == 2 * 2 * 600
    with pytest.raises(TrainingError, match=r"timestamps of the series .* never advance"):
        _ = forecaster(step_seconds=None).metadata.lead_time


CHANGE = {"kind": "difference", "column": "T (degC)", "rows": 3}


def test_features_are_computed_from_the_measurements() -> None:
    """A window spans 5 rows, and the difference reaches 3 rows back: the first ends at row 7."""
    seen: list[np.ndarray] = []

    def model(windows: np.ndarray) -> np.ndarray:
        seen.append(windows)
        return windows[:, -1, 3]

    found = forecaster(model, **with_features(CHANGE))
    assert found.rows == 8
    squares = {**measurements(), "T (degC)": np.arange(9.0) ** 2}
    squares = {name: np.resize(cells, 9) for name, cells in squares.items()}
    assert found.forecast(squares).tolist() == [7**2 - 4**2, 8**2 - 5**2]
    (windows,) = seen
    assert windows.shape == (2, 3, 4)
    assert windows[0, :, 3].tolist() == [3**2 - 0, 5**2 - 2**2, 7**2 - 4**2]
    assert found.naive(squares).tolist() == [49, 64]
    assert repr(found) == ("<Forecaster: dense, T (degC) 0:40:00 ahead, from 8 rows of 3 columns>")


def test_rows_for_the_window_alone_are_too_few_for_its_features() -> None:
    seven = {name: np.resize(cells, 7) for name, cells in measurements().items()}
    with pytest.raises(DataError, match=r"^7 rows are too few .* which reads 8 rows up to the one"):
        forecaster(**with_features(CHANGE)).forecast(seven)


def test_a_feature_of_the_clock_needs_the_timestamps() -> None:
    found = forecaster(lambda windows: windows[:, -1, 4], **with_features({"kind": "time_of_day"}))
    with pytest.raises(DataError) as caught:
        found.forecast(measurements())
    assert str(caught.value) == (
        "dense reads the time_of_day, which is computed from the timestamps of the rows; pass "
        "them: forecast(measurements, timestamps)"
    )
    midnight = np.datetime64("2016-12-31T23:20") + np.arange(ROWS) * np.timedelta64(10, "m")
    expected = np.cos(2 * np.pi * np.arange(4) / 144)  # at 0:00, 0:10, 0:20 and 0:30
    np.testing.assert_allclose(found.forecast(measurements(), midnight), expected, atol=1e-6)


def test_a_table_need_not_hold_the_features() -> None:
    table = pl.DataFrame(measurements()).select(COLUMNS)
    assert len(forecaster(**with_features(CHANGE)).forecast(table)) == 1
