"""The ensemble's weights and its mean."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from jena_etl.evaluation.ensemble import ensemble_weights, weighted_mean
from jena_etl.evaluation.predictions import Predictions

HOURS = np.arange(400).astype("datetime64[h]").astype("datetime64[s]")


def forecasts(*errors: np.ndarray) -> dict[str, Predictions]:
    """Forecasts of the same observations, named a, b and so on."""
    observation = np.random.default_rng(1).normal(10, 5, len(HOURS)).astype(np.float32)
    part = Predictions(HOURS, HOURS + 86_400, observation, observation)
    return {
        name: replace(part, prediction=(observation + error).astype(np.float32))
        for name, error in zip("abcd", errors, strict=False)
    }


def mse(weights: dict[str, float], members: dict[str, Predictions]) -> float:
    mean = weighted_mean(weights, members)
    return float(np.mean((mean.prediction.astype(np.float64) - mean.observation) ** 2))


@pytest.mark.parametrize("seed", range(5))
def test_no_weights_on_a_grid_are_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 1, len(HOURS))
    members = forecasts(
        *(common * rng.random() + rng.normal(0, s, len(HOURS)) for s in (1, 1.5, 3))
    )
    weights = ensemble_weights(members)
    assert min(weights.values()) >= 0
    assert sum(weights.values()) == pytest.approx(1)
    steps = np.linspace(0, 1, 41)
    grid = (
        dict(zip("abc", (a, b, 1 - a - b), strict=True))
        for a, b in itertools.product(steps, steps)
        if a + b <= 1
    )
    assert mse(weights, members) <= min(mse(point, members) for point in grid) + 1e-6


def test_two_members_whose_errors_are_independent() -> None:
    """The weights are inverse to the variances: 4 to 1."""
    signs = np.tile([1.0, 1, -1, -1], 100), np.tile([2.0, -2, 2, -2], 100)
    assert ensemble_weights(forecasts(*signs)) == pytest.approx({"a": 0.8, "b": 0.2}, abs=1e-5)


def test_a_member_that_only_adds_noise_has_no_weight() -> None:
    error = np.random.default_rng(0).normal(0, 1, len(HOURS))
    noise = np.random.default_rng(1).normal(0, 1, len(HOURS))
    weights = ensemble_weights(forecasts(error, 2 * error + noise))
    assert weights == {"a": 1.0, "b": 0.0}


def test_members_that_are_equal_or_perfect() -> None:
    error = np.random.default_rng(0).normal(0, 1, len(HOURS))
    members = forecasts(error, error)
    weights = ensemble_weights(members)
    assert sum(weights.values()) == pytest.approx(1)
    assert mse(weights, members) == pytest.approx(mse({"a": 1.0}, members))
    assert ensemble_weights(forecasts(error, np.zeros(len(HOURS))))["b"] == 1.0
    assert ensemble_weights(forecasts(error)) == {"a": 1.0}
