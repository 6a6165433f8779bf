from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from jena_etl.evaluation.breakdown import (
    FEWEST,
    change_edges,
    changes,
    mae_by_hour,
    mae_by_month,
)
from jena_etl.evaluation.predictions import Predictions

START = datetime(2014, 12, 20, 23, 30)  # noqa: DTZ001  a station's clock has no zone


def test_errors_by_hour_and_month_are_those_of_a_walk_through_the_forecasts() -> None:
    random = np.random.default_rng(0)
    times = [START + timedelta(minutes=50) * at for at in range(3_790)]  # until 1 May
    observation, prediction = random.normal(size=(2, 3_790)).astype(np.float32)
    stamps = np.array(times, "datetime64[s]")
    predictions = Predictions(stamps - 86_400, stamps, observation, prediction)

    def walked(name: str, value: int) -> float:
        errors = [
            abs(float(p) - float(t))
            for time, t, p in zip(times, observation, prediction, strict=True)
            if getattr(time, name) == value
        ]
        return sum(errors) / len(errors) if len(errors) >= FEWEST else float("nan")

    by_hour = [walked("hour", hour) for hour in range(24)]
    np.testing.assert_allclose(mae_by_hour(predictions), by_hour)
    by_month = [walked("month", month) for month in range(1, 13)]
    np.testing.assert_allclose(mae_by_month(predictions), by_month)
    assert np.isnan(by_month).sum() == 7  # June to November, and May with too few


def test_a_rise_is_a_positive_change_and_a_forecast_below_it_a_negative_error() -> None:
    stamps = np.array(["2016-01-01T00:00:00", "2016-01-01T01:00:00"], "datetime64[s]")
    observed = np.array([5.0, -2.0], np.float32)
    now = Predictions(stamps - 86_400, stamps, observed, np.array([1.0, 1.5], np.float32))
    model = Predictions(stamps - 86_400, stamps, observed, np.array([4.0, -1.0], np.float32))
    assert changes(now).tolist() == [4.0, -3.5]
    assert model.errors().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("largest", "width"),
    [(8.0, 2.0), (0.031, 0.01), (1_900.0, 500.0), (3.7, 1.0), (0.0, 1.0), (3.9e-7, 1e-7)],
)
def test_the_classes_of_change_are_round_for_any_target(largest: float, width: float) -> None:
    edges = change_edges(np.linspace(-largest, largest, 1_001) / 0.95)  # 95% lie within `largest`
    np.testing.assert_allclose(edges, width * np.arange(-4, 5), atol=0)
