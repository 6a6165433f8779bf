from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from jena_etl.evaluation.breakdown import FEWEST, mae_by_hour, mae_by_month
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
