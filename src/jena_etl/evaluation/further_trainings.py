"""Scores architectures trained more than once: with further seeds, in folds, for lead times."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jena_etl.evaluation.forecasts import Forecasts
from jena_etl.evaluation.lead_times import LeadTimeScores
from jena_etl.evaluation.metrics import Scores, evaluate
from jena_etl.evaluation.predictions import (
    BASELINES,
    NAIVE,
    Predictions,
    at_horizon,
    in_fold,
    with_seed,
)
from jena_etl.evaluation.rolling_origin import FoldScores
from jena_etl.evaluation.spread import Spread, mae_spread
from jena_etl.params import Params
from jena_etl.project import Project


def scores_over_seeds(
    project: Project,
    params: Params,
    scores: dict[str, dict[str, Scores]],
    naive: dict[str, Predictions],
) -> dict[str, dict[str, Spread]]:
    """The spread of the MAE over all seeds, by name and split; nothing if there is one seed.

    `scores` are those of the trainings with `seed`, by name and split.
    """
    if not params.further_seeds:
        return {}
    trainings = {name: [scores[name]] for name in (*params.architectures, *params.ensembles)}
    for seed in params.further_seeds:
        forecasts = Forecasts(
            project, params.architectures, params.ensembles, partial(with_seed, seed=seed)
        )
        for name, parts in forecasts.items():
            seen = {s: part.of_stations(project.stations.seen_numbers) for s, part in parts.items()}
            trainings[name].append(evaluate(with_seed(name, seed), seen, naive))
    return {name: mae_spread(found) for name, found in trainings.items()}


def scores_in_folds(project: Project, params: Params) -> dict[str, FoldScores]:
    """The scores of all forecasts in the folds of the rolling origin; nothing if there are none."""
    mae: dict[str, dict[str, float]] = {}
    for origin in params.rolling_origin.origins:
        for name, error in _test_mae(project, params, partial(in_fold, origin=origin)).items():
            mae.setdefault(name, {})[origin] = error
    return {name: FoldScores(by_origin, mae[NAIVE]) for name, by_origin in mae.items()}


def scores_by_lead_time(
    project: Project, params: Params, scores: dict[str, dict[str, Scores]]
) -> dict[str, LeadTimeScores]:
    """The scores of all forecasts at all horizons; nothing if there is one horizon.

    `scores` are those with the window's own horizon, by name and split.
    """
    if not params.further_horizons:
        return {}
    own = project.splits.window.horizon
    mae = {name: {own: found["test"].mae} for name, found in scores.items()}
    for horizon in params.further_horizons:
        for name, error in _test_mae(project, params, partial(at_horizon, horizon=horizon)).items():
            mae[name][horizon] = error
    ascending = {name: dict(sorted(found.items())) for name, found in mae.items()}
    return {name: LeadTimeScores(found, ascending[NAIVE]) for name, found in ascending.items()}


def _test_mae(project: Project, params: Params, file_of: Callable[[str], str]) -> dict[str, float]:
    """The MAE on the test split of all forecasts of another training, by name."""
    trained = (*BASELINES, *params.architectures)
    forecasts = Forecasts(project, trained, params.ensembles, file_of)
    return {
        name: evaluate(file_of(name), found, forecasts[NAIVE])["test"].mae
        for name, found in forecasts.items()
    }


def validation_mae(
    scores: dict[str, dict[str, Scores]], seeds: dict[str, dict[str, Spread]]
) -> dict[str, float]:
    """What each is ranked by: its MAE on the validation split, averaged over the seeds if it can.

    `seeds` holds the spread over the seeds of the names that have one.
    """
    means = {name: spread["validation"].mean for name, spread in seeds.items()}
    return {name: found["validation"].mae for name, found in scores.items()} | means
