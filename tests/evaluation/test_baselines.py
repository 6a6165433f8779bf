from __future__ import annotations

import numpy as np
import pytest

from jena_etl.evaluation import baselines
from jena_etl.evaluation.baselines import damping, fit_climatology, fitted_baselines
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows

HOUR = np.timedelta64(3_600, "s")
YEAR, DAY = 365.2425 * 24, 24.0  # hours


def clock(rows: int, step: np.timedelta64 = HOUR) -> np.ndarray:
    return np.datetime64("2013-03-05T00:10:00") + np.arange(rows) * step


def weather(timestamps: np.ndarray) -> np.ndarray:
    """Warm in summer and in the afternoon, and more so on a summer's afternoon."""
    hours = (timestamps - np.datetime64("2000-07-01T14:00:00")) / HOUR
    summer, afternoon = np.cos(2 * np.pi * hours / YEAR), np.cos(2 * np.pi * hours / DAY)
    return np.asarray(9 + 8 * summer + (3 + 2 * summer) * afternoon)


def windows(targets: np.ndarray, first: int, horizon: int) -> dict[str, SeriesWindows]:
    """The windows of three inputs that start in row `first` or later, as one split."""
    spec = WindowSpec(sequence_length=3, horizon=horizon)
    values = targets.astype(np.float32)
    index = WindowIndex([range(first, len(values) - spec.target)])
    return {"test": SeriesWindows(phase_major(values[:, None], 1), values, spec, index)}


def forecasts(targets: np.ndarray, train: int, horizon: int) -> dict[str, np.ndarray]:
    split = windows(targets, train, horizon)
    found = fitted_baselines(split, clock(len(targets)), range(train))
    assert tuple(found) == BASELINES
    return {name: parts["test"] for name, parts in found.items()}


@pytest.mark.parametrize("horizon", [7, 24])
def test_weather_that_is_always_as_usual_is_forecast_exactly(horizon: int) -> None:
    rows, train = 20_000, 12_000
    targets = weather(clock(rows))
    expected = targets[train + 2 + horizon :]
    found = forecasts(targets, train, horizon)
    for name in ("climatology", "persistence_cycle", "damped_persistence"):
        np.testing.assert_allclose(found[name], expected, atol=0.02)  # std 6, rounded to 1 / 256
    assert np.abs(found["naive"] - expected).max() > 0.1


def test_an_anomaly_persists_or_fades() -> None:
    """After the train rows it is always 5 warmer than usual; in them, half of an anomaly is left.

    In the train rows the anomaly is 1, 1/2, 1/4 ... of what it was every two hours, and the
    horizon is two hours.
    """
    rows, train = 20_000, 12_000
    usual = weather(clock(rows))
    targets = usual + 5.0
    noise = np.random.default_rng(0).normal(size=train)
    anomaly = np.zeros(train)
    for row in range(2, train):
        anomaly[row] = 0.5 * anomaly[row - 2] + noise[row]
    targets[:train] = usual[:train] + anomaly
    found = forecasts(targets, train, 2)
    later = usual[train + 4 :]
    assert np.abs(found["climatology"] - later).mean() < 0.1
    assert np.abs(found["persistence_cycle"] - (later + 5)).mean() < 0.1
    assert np.abs(found["damped_persistence"] - (later + 2.5)).mean() < 0.15


def test_nothing_but_the_train_rows_is_fitted_to() -> None:
    rows, train = 14_000, 12_000
    targets = weather(clock(rows)) + np.random.default_rng(1).normal(size=rows)
    found = forecasts(targets, train, 24)
    targets[train:] += 64.0
    warmer = forecasts(targets, train, 24)
    assert warmer["climatology"].tobytes() == found["climatology"].tobytes()
    # What is fitted is as before, so what is read at the issue time shows as it is, or damped.
    np.testing.assert_allclose(warmer["persistence_cycle"] - found["persistence_cycle"], 64)
    damped = warmer["damped_persistence"] - found["damped_persistence"]
    clean = targets[:train].astype(np.float32)
    usual = fit_climatology(clock(train), clean).at(clock(train))
    np.testing.assert_allclose(damped, 64 * damping(clean - usual, 24), atol=0.02)


def test_the_fraction_left_is_a_regression_through_the_origin() -> None:
    anomalies = np.array([1.0, 2.0, 1.0, 0.0, 3.0])
    # Pairs two rows apart: (1, 1), (2, 0), (1, 3).
    assert damping(anomalies, 2) == (1 * 1 + 2 * 0 + 1 * 3) / (1 + 4 + 1)
    assert damping(np.zeros(5), 2) == 0
    assert damping(anomalies, 9) == 0  # no pair


def test_a_series_shorter_than_a_year_has_no_seasons() -> None:
    """Half a year of train rows says nothing about the other half."""
    timestamps = clock(4_000)
    climatology = fit_climatology(timestamps, weather(timestamps))
    assert (climatology.harmonics_of_year, climatology.harmonics_of_day) == (0, 3)
    later = climatology.at(timestamps + np.timedelta64(180, "D"))
    np.testing.assert_array_equal(later, climatology.at(timestamps))


def test_a_series_shorter_than_a_day_is_usually_its_mean() -> None:
    climatology = fit_climatology(clock(5), np.array([0.0, 1, 2, 3, 4]))
    assert climatology.at(clock(30)).tolist() == [2.0] * 30


def test_two_rows_a_day_are_enough() -> None:
    """Most harmonics of the day cannot be told apart then."""
    timestamps = clock(2_000, np.timedelta64(12, "h"))
    values = weather(timestamps)
    found = fit_climatology(timestamps[:1_000], values[:1_000]).at(timestamps)
    np.testing.assert_allclose(found, values, atol=0.1)


def test_a_long_series_is_fitted_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    timestamps = clock(10_000)
    whole = fit_climatology(timestamps, weather(timestamps))
    monkeypatch.setattr(baselines, "BLOCK", 999)
    parts = fit_climatology(timestamps, weather(timestamps))
    assert parts.at(timestamps).tobytes() == whole.at(timestamps).tobytes()


def test_a_target_that_never_changes() -> None:
    found = forecasts(np.full(400, 7.0), 300, 24)
    for name in BASELINES:
        np.testing.assert_allclose(found[name], 7, atol=0.001)
