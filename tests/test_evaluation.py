from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import TrainingError
from jena_etl.evaluation import forecast, naive_forecast, scores, truth
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.rows import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.windows import Windows

figures = st.floats(-50, 50, width=32)


def windows() -> Windows:
    rows = np.arange(30, dtype=np.float32)
    spec = WindowSpec(sequence_length=3, sampling_rate=2, horizon=4)
    return Windows(phase_major(rows[:, None], 2), rows * 10, spec, WindowIndex([range(5, 15)]))


@given(st.lists(st.tuples(figures, figures, figures), min_size=1, max_size=40))
def test_scores_are_their_definitions(cases: list[tuple[float, float, float]]) -> None:
    actual, predicted, naive = (np.array(x, dtype=np.float32) for x in zip(*cases, strict=True))
    found = scores(actual, predicted, naive)
    n = len(cases)
    mae = math.fsum(abs(p - a) for a, p, _ in cases) / n
    base = math.fsum(abs(b - a) for a, _, b in cases) / n
    assert math.isclose(found["mae"], mae, rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(found["bias"], math.fsum(p - a for a, p, _ in cases) / n, abs_tol=1e-9)
    rmse = math.sqrt(math.fsum((p - a) ** 2 for a, p, _ in cases) / n)
    assert math.isclose(found["rmse"], rmse, rel_tol=1e-9, abs_tol=1e-12)
    assert found["windows"] == n
    if base == 0:
        assert found["skill"] is None
    else:
        assert math.isclose(found["skill"], 1 - mae / base, rel_tol=1e-6, abs_tol=1e-9)


def test_naive_is_the_target_column_at_the_last_input() -> None:
    # Starts 5..14: the last input lies 2 * 2 rows on, the target 4 * 2 rows after it.
    assert naive_forecast(windows()).tolist() == [10 * (s + 4) for s in range(5, 15)]
    assert truth(windows()).tolist() == [10 * (s + 12) for s in range(5, 15)]


class Echo:
    """A model that forecasts what it is told, whatever the windows."""

    def __init__(self, out: np.ndarray) -> None:
        self.out = out

    def predict(self, _: object, verbose: int) -> np.ndarray:
        assert verbose == 0
        return self.out


def test_a_forecast_that_is_no_number_is_refused() -> None:
    broken = np.full((10, 1), np.nan, dtype=np.float32)
    with pytest.raises(TrainingError, match="forecasts NaN or infinity"):
        forecast(Echo(broken), windows(), batch_size=4, order="forward")


def test_a_window_left_out_is_noticed() -> None:
    short = np.zeros((9, 1), dtype=np.float32)
    with pytest.raises(TrainingError, match=r"gave \(9, 1\) forecasts for 10 windows"):
        forecast(Echo(short), windows(), batch_size=4, order="forward")
