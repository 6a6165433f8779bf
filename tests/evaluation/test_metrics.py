from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import ProjectError
from jena_etl.evaluation.metrics import evaluate, scores
from jena_etl.evaluation.predictions import Predictions

figures = st.floats(-50, 50, width=32)


@given(st.lists(st.tuples(figures, figures, figures), min_size=1, max_size=40))
def test_scores_are_their_definitions(cases: list[tuple[float, float, float]]) -> None:
    actual, predicted, naive = (np.array(x, dtype=np.float32) for x in zip(*cases, strict=True))
    found = scores(actual, predicted, naive)
    n = len(cases)
    mae = math.fsum(abs(p - a) for a, p, _ in cases) / n
    base = math.fsum(abs(b - a) for a, _, b in cases) / n
    assert math.isclose(found.mae, mae, rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(found.bias, math.fsum(p - a for a, p, _ in cases) / n, abs_tol=1e-9)
    rmse = math.sqrt(math.fsum((p - a) ** 2 for a, p, _ in cases) / n)
    assert math.isclose(found.rmse, rmse, rel_tol=1e-9, abs_tol=1e-12)
    assert found.windows == n
    if base == 0:
        assert found.skill is None
    else:
        assert found.skill is not None
        assert math.isclose(found.skill, 1 - mae / base, rel_tol=1e-6, abs_tol=1e-9)


def predictions(values: list[float]) -> Predictions:
    hours = np.datetime64("2016-01-01T00:00:00") + np.arange(len(values)) * np.timedelta64(3600)
    observation = np.array([1.0, 3.0], dtype=np.float32)
    return Predictions(
        hours, hours + np.timedelta64(86_400), observation, np.array(values, dtype=np.float32)
    )


def test_each_split_is_scored_against_the_naive_forecast_of_it() -> None:
    naive = {"validation": predictions([2, 5]), "test": predictions([1, 4])}
    report = evaluate(
        "any", {"validation": predictions([1, 6]), "test": predictions([2, 3])}, naive
    )
    assert [report[split].mae for split in ("validation", "test")] == [1.5, 0.5]
    assert [report[split].skill for split in ("validation", "test")] == [0.0, 0.0]
    assert evaluate("naive", naive, naive)["test"].mae == 0.5


def test_forecasts_of_other_windows_are_refused() -> None:
    naive = {"test": predictions([1, 4])}
    later = replace(naive["test"], issued=naive["test"].issued + np.timedelta64(600))
    with pytest.raises(ProjectError, match=r"test forecasts of any .* they differ in issued\)"):
        evaluate("any", {"test": later}, naive)
