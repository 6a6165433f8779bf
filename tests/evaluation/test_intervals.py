from __future__ import annotations

import math

import numpy as np
import pytest

from jena_etl.evaluation.intervals import (
    FEWEST_DAYS,
    DailyErrors,
    compare,
    daily_errors,
    mean_interval,
    optimal_block_length,
)
from jena_etl.evaluation.predictions import Predictions


def autoregressive(generator: np.random.Generator, days: int, coefficient: float) -> np.ndarray:
    """x[t] = coefficient x[t - 1] + noise, with mean 0, after a run-in of a hundred days."""
    noise = generator.normal(size=days + 100)
    series = np.zeros(days + 100)
    for at in range(1, len(series)):
        series[at] = coefficient * series[at - 1] + noise[at]
    return series[100:]


def forecasts(errors: np.ndarray, *, a_day: int = 24) -> DailyErrors:
    """The errors of forecasts of 0 that are wrong by so much, `a_day` of them a day."""
    step = np.timedelta64(86_400 // a_day)
    timestamps = np.datetime64("2015-01-01T00:00:00") + np.arange(len(errors)) * step
    zeros = np.zeros(len(errors), dtype=np.float32)
    return daily_errors(Predictions(timestamps, timestamps, zeros, errors.astype(np.float32)))


def test_the_interval_holds_the_mean_of_an_autocorrelated_series_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    held = held_by_the_formula = 0
    for _ in range(100):
        series = autoregressive(generator, 730, 0.4)
        (low, high), _ = mean_interval(series, np.ones(730))
        held += low <= 0 <= high
        held_by_the_formula += abs(series.mean()) < 1.96 * series.std() / math.sqrt(730)
    assert 90 <= held <= 99
    assert held_by_the_formula < 85


def test_of_independent_errors_the_interval_is_that_of_the_formula() -> None:
    errors = np.random.default_rng(0).exponential(2.0, 1_000)
    (low, high), block = mean_interval(errors, np.ones(1_000))
    half = 1.96 * errors.std() / math.sqrt(1_000)
    assert block <= 3
    assert (low, high) == pytest.approx((errors.mean() - half, errors.mean() + half), abs=half / 8)


def test_a_day_counts_by_its_windows() -> None:
    """Odd days hold ten windows with an error of 1, even ones a single window with 12."""
    sums, counts = np.tile([10.0, 12.0], 50), np.tile([10.0, 1.0], 50)
    (low, high), _ = mean_interval(sums, counts)
    assert low <= 22 / 11 <= high
    assert high < (1 + 12) / 2  # the mean of the daily means


def test_a_block_that_reaches_the_end_goes_on_at_the_start() -> None:
    """Every day is drawn equally often: with moving blocks those at the ends are drawn seldom."""
    only_first = np.zeros(200)
    only_first[0] = 200.0
    (low, high), _ = mean_interval(only_first, np.ones(200))
    assert low == 0  # Poisson with mean 1: 0 to 3 or 4 times
    assert 3 <= high <= 4


# By arch 8.0.0, arch.bootstrap.optimal_block_length; another reading of the rule, in which the lag
# is greater by one if it is not the first, so where it is the first the two agree.
@pytest.mark.parametrize(
    ("days", "seed", "length"),
    [(60, 0, 2.1677), (500, 0, 1.1264), (500, 5, 1.8201), (730, 1, 1.1649)],
)
def test_independent_days_need_no_long_blocks(days: int, seed: int, length: float) -> None:
    found = optimal_block_length(np.random.default_rng(seed).normal(size=days))
    assert found == math.ceil(length)


def test_the_block_length_of_a_series_worked_out_by_hand() -> None:
    """1, 1, -1, -1, ...: no five lags in a row are negligible, so the last large one counts."""
    series = np.tile([1.0, 1.0, -1.0, -1.0], 16)
    n, most = 64, 8 + 5
    covariance = [sum(series[t] * series[t + k] for t in range(n - k)) / n for k in range(most + 1)]
    threshold = 2 * math.sqrt(math.log10(n) / n)
    last = max(k for k in range(most + 1) if abs(covariance[k]) >= threshold)
    bandwidth = min(2 * last, most)
    g = d = 0.0
    for k in range(-bandwidth, bandwidth + 1):
        t = abs(k) / bandwidth
        weight = 1 if t <= 0.5 else 2 * (1 - t)
        g += weight * abs(k) * covariance[abs(k)]
        d += weight * covariance[abs(k)]
    length = (2 * g**2 / (4 / 3 * d**2)) ** (1 / 3) * n ** (1 / 3)
    assert optimal_block_length(series) == min(math.ceil(length), math.ceil(n / 3))


def test_the_longer_days_hang_together_the_longer_the_blocks() -> None:
    generator = np.random.default_rng(1)
    lengths = [optimal_block_length(autoregressive(generator, 730, c)) for c in (0.0, 0.4, 0.8)]
    assert lengths == sorted(set(lengths))


@pytest.mark.parametrize("days", [1, 2, 3, 7])
def test_the_shortest_series_have_a_block_length(days: int) -> None:
    assert 1 <= optimal_block_length(np.arange(days) % 2.0) <= max(1, -(-days // 3))


def test_a_constant_error_is_known_for_certain() -> None:
    (low, high), block = mean_interval(np.full(100, 48.0), np.full(100, 24))
    assert (low, high, block) == (2.0, 2.0, 1)


def error_of_two_months(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, 24 * 100)


def test_the_same_errors_are_a_tie_and_a_constant_more_is_worse() -> None:
    error = np.abs(error_of_two_months(0))
    found = compare(
        {
            "model": forecasts(error),
            "its opposite": forecasts(-error),
            "a little worse": forecasts(error + 0.01),
            "a little better": forecasts(np.maximum(error - 0.01, 0)),
        },
        best="model",
    )
    assert {name: c.verdict for name, c in found.items()} == {
        "model": "best",
        "its opposite": "tie",
        "a little worse": "worse",
        "a little better": "better",
    }
    assert found["its opposite"].difference == (0, 0)
    assert found["a little worse"].difference == pytest.approx((0.01, 0.01), abs=1e-6)
    # Though their own intervals all but coincide:
    low, high = found["model"].mae or (0, 0)
    assert found["a little worse"].mae == pytest.approx((low + 0.01, high + 0.01))
    assert high - low > 0.1


def test_independent_forecasts_of_equal_quality_are_mostly_ties() -> None:
    """95% of pairs, were their number large; each is a draw of its own."""
    board = {str(seed): forecasts(error_of_two_months(seed)) for seed in range(40)}
    found = [c.verdict for c in compare(board, best="0").values()]
    assert found.count("tie") >= 33


def test_errors_are_summed_by_the_day_they_were_forecast_for_and_empty_days_left_out() -> None:
    hours = np.array([23, 24, 25, 24 * 9]).astype("timedelta64[h]")
    times = np.datetime64("2015-01-01T00:00:00") + hours.astype("timedelta64[s]")
    observed, predicted = np.array([[1, 2, 3, 4], [2, 0, 6, 0]], np.float32)
    found = daily_errors(Predictions(times - 3_600, times, observed, predicted))
    assert (found.sums.tolist(), found.windows.tolist()) == ([1, 5, 4], [1, 2, 1])


def test_a_short_split_has_no_interval() -> None:
    short = forecasts(np.ones(24 * (FEWEST_DAYS - 1)))
    found = compare({"one": short, "other": short}, best="other")
    assert [c.verdict for c in found.values()] == ["unknown", "best"]
    assert found["one"].mae is None
    enough = forecasts(np.ones(24 * FEWEST_DAYS))
    assert compare({"one": enough}, best="one")["one"].mae == (1, 1)


def test_the_same_forecasts_have_the_same_interval() -> None:
    board = {"one": forecasts(error_of_two_months(1)), "other": forecasts(error_of_two_months(2))}
    assert compare(board, best="one") == compare(dict(reversed(board.items())), best="one")
    assert compare(board, best="one")["other"].mae == compare(board, best="other")["other"].mae
