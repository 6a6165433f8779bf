"""Conformal quantiles by hand and by drawing, and the CRPS by its definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jena_etl.errors import ProjectError
from jena_etl.evaluation.prediction_intervals import (
    PredictionIntervals,
    ResidualQuantiles,
    conformal_quantiles,
    crps,
    interval_scores,
    quantiles_of_model,
)
from jena_etl.evaluation.predictions import Predictions
from jena_etl.files import sha256_of


def quantiles(residuals: np.ndarray) -> ResidualQuantiles:
    found = conformal_quantiles(residuals, None)
    assert found is not None
    return found


def predictions(residuals: np.ndarray) -> Predictions:
    """Forecasts of 10 that are off by these residuals."""
    times = np.datetime64("2015-01-01", "s") + 3_600 * np.arange(len(residuals))
    observed = (10 + residuals).astype(np.float32)
    return Predictions(times - 86_400, times, observed, np.full(len(residuals), 10, np.float32))


@pytest.mark.parametrize(
    ("count", "ranks"),
    [
        (9, (1, 5, 9)),  # 0.1, 0.5 and 0.9 times 10
        (10, (1, 6, 10)),  # of 11: 1.1, 5.5 and 9.9; the ends outwards
        (19, (2, 10, 18)),
        (99, (10, 50, 90)),
        (100, (10, 51, 91)),  # of 101: 10.1, 50.5 and 90.9
    ],
)
def test_the_ranks_are_those_of_one_residual_more(count: int, ranks: tuple[int, ...]) -> None:
    shuffled = np.random.default_rng(0).permutation(np.arange(1.0, count + 1))
    found = quantiles(shuffled)
    assert (found.q10, found.q50, found.q90, found.windows) == (*ranks, count)


def test_of_eight_residuals_none_is_low_enough() -> None:
    assert conformal_quantiles(np.arange(8.0), None) is None


@pytest.mark.parametrize("count", [9, 14, 40])
def test_a_further_residual_lies_between_the_ends_in_four_cases_of_five(count: int) -> None:
    """Exchangeable residuals of a skewed distribution, 20,000 times; by hand, ranks / (n + 1)."""
    random = np.random.default_rng(1)
    draws = random.permuted(random.exponential(size=(20_000, count + 1)) - 0.5, axis=1)
    below = inside = 0
    for draw in draws:
        found = quantiles(draw[:-1])
        below += draw[-1] < found.q10
        inside += found.coverage(draw[-1:]) == 1
    lower, upper = (count + 1) // 10, -(-9 * (count + 1) // 10)
    assert inside / 20_000 == pytest.approx((upper - lower) / (count + 1), abs=0.012)
    assert inside / 20_000 >= 0.8 - 0.012
    assert below / 20_000 == pytest.approx(lower / (count + 1), abs=0.01)


def test_the_quantiles_of_a_biased_forecast_are_moved_by_its_bias() -> None:
    residuals = np.random.default_rng(2).normal(size=999)
    centred, biased = quantiles(residuals), quantiles(residuals + 3)
    assert biased.q10 == pytest.approx(centred.q10 + 3)
    assert biased.q50 == pytest.approx(centred.q50 + 3)
    forecasts = np.array([1.0, -2.0], np.float32)
    np.testing.assert_allclose(
        biased.around(forecasts),
        [[1 + biased.q10, 1 + biased.q50, 1 + biased.q90],
         [-2 + biased.q10, -2 + biased.q50, -2 + biased.q90]],
        rtol=1e-6,
    )  # fmt: skip


def test_the_crps_is_the_integral_of_its_definition() -> None:
    """The squared difference between the distribution's steps and the observation's one step."""
    random = np.random.default_rng(3)
    members, observed = random.gamma(2.0, size=37), np.array([-1.0, 0.4, 2.5, 9.0])
    width = 1e-4
    at = np.arange(-2, 12, width) + width / 2
    below = (members[:, None] <= at).mean(axis=0)
    integrals = [((below - (y <= at)) ** 2).sum() * width for y in observed]
    np.testing.assert_allclose(crps(members, observed), integrals, atol=2e-4)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_the_crps_is_that_of_scoringrules(count: int) -> None:
    import scoringrules

    random = np.random.default_rng(4)
    members, observed = np.round(random.normal(size=count), 1), np.round(random.normal(size=200), 1)
    expected = scoringrules.crps_ensemble(observed, np.tile(members, (200, 1)), backend="numpy")
    np.testing.assert_allclose(crps(members, observed), expected, atol=1e-12)


def test_without_spread_the_crps_is_the_mae() -> None:
    test = np.array([0.5, -2.0, 3.0])
    scores = interval_scores(quantiles(np.zeros(9)), predictions(np.zeros(9)), predictions(test))
    assert scores.crps == pytest.approx(np.abs(test).mean())
    assert (scores.coverage, scores.width) == (0, 0)


def test_the_ends_belong_to_the_interval() -> None:
    made_from = np.arange(-4.0, 5)
    test = np.array([-4.5, -4.0, 0.0, 4.0, 4.5])
    scores = interval_scores(quantiles(made_from), predictions(made_from), predictions(test))
    assert (scores.coverage, scores.width) == (0.6, 8)


def test_a_model_is_found_by_its_bytes_whatever_its_name(tmp_path: Path) -> None:
    model = tmp_path / "lstm.keras"
    model.write_bytes(b"weights")
    digest = sha256_of(model)
    lstm = quantiles(np.arange(9.0)).model_copy(update={"model_sha256": digest})
    naive = quantiles(np.arange(9.0) - 1)
    found = PredictionIntervals(target="T (degC)", residuals={"lstm": lstm, "naive": naive})
    path = tmp_path / "prediction_intervals.json"
    found.write(path)
    assert PredictionIntervals.read(path) == found
    renamed = model.rename(tmp_path / "best_model.keras")
    assert (
        quantiles_of_model(renamed, "lstm", [tmp_path / "none.json", path])
        == found.residuals["lstm"]
    )
    renamed.write_bytes(b"weights of another training")
    assert quantiles_of_model(renamed, "lstm", [path]) is None


def test_a_damaged_file_names_its_stage(tmp_path: Path) -> None:
    path = tmp_path / "prediction_intervals.json"
    path.write_text(json.dumps({"target": "T"}))
    with pytest.raises(ProjectError, match="residuals is missing; build it again: dvc repro -f ev"):
        quantiles_of_model(path, "lstm", [path])
