"""Scores the architectures that were trained more than once: with further seeds, and in folds."""

from __future__ import annotations

from jena_etl.evaluation.ensemble import with_ensembles
from jena_etl.evaluation.metrics import Scores, evaluate
from jena_etl.evaluation.predictions import (
    BASELINES,
    NAIVE,
    Predictions,
    built_by,
    in_fold,
    read_predictions,
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
    """The spread of the MAE over all seeds; nothing if there is one seed.

    Args:
        project: where the forecasts are.
        params: names the architectures, the ensembles and the seeds.
        scores: of every architecture and ensemble with `seed`, by split.
        naive: the naive forecasts, by split.
    """
    if not params.further_seeds:
        return {}
    names = (*params.architectures, *params.ensembles)
    trainings = {name: [scores[name]] for name in names}
    for seed in params.further_seeds:
        files = {name: with_seed(name, seed) for name in params.architectures}
        forecasts = {
            name: read_predictions(project.predictions_parquet(file), built_by=built_by(file))
            for name, file in files.items()
        }
        for name, found in with_ensembles(forecasts, params.ensembles).items():
            trainings[name].append(evaluate(with_seed(name, seed), found, naive))
    return {name: mae_spread(found) for name, found in trainings.items()}


def scores_in_folds(project: Project, params: Params) -> dict[str, FoldScores]:
    """The scores of all forecasts in the folds of the rolling origin; nothing if there are none."""
    if not params.rolling_origin.origins:
        return {}
    trained = (*BASELINES, *params.architectures)
    mae: dict[str, dict[str, float]] = {name: {} for name in (*trained, *params.ensembles)}
    for origin in params.rolling_origin.origins:
        files = {name: in_fold(name, origin) for name in trained}
        forecasts = {
            name: read_predictions(project.predictions_parquet(file), built_by=built_by(file))
            for name, file in files.items()
        }
        for name, found in with_ensembles(forecasts, params.ensembles).items():
            scores = evaluate(in_fold(name, origin), found, forecasts[NAIVE])
            mae[name][origin] = scores["test"].mae
    return {name: FoldScores(by_origin, mae[NAIVE]) for name, by_origin in mae.items()}


def validation_mae(
    scores: dict[str, dict[str, Scores]], seeds: dict[str, dict[str, Spread]]
) -> dict[str, float]:
    """What each is ranked by: its MAE on the validation split, averaged over the seeds if it can.

    Args:
        scores: by name and split.
        seeds: the spread over the seeds, of the names that have one.
    """
    means = {name: spread["validation"].mean for name, spread in seeds.items()}
    return {name: found["validation"].mae for name, found in scores.items()} | means
