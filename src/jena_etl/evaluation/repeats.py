"""Scores the architectures that were trained more than once: with further seeds, and in folds."""

from __future__ import annotations

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
    """The spread of the MAE of each architecture over all seeds; nothing if there is one seed."""
    if not params.further_seeds:
        return {}
    spreads = {}
    for architecture in params.architectures:
        trainings = [scores[architecture]]
        for name in (with_seed(architecture, seed) for seed in params.further_seeds):
            found = read_predictions(project.predictions_parquet(name), built_by=built_by(name))
            trainings.append(evaluate(name, found, naive))
        spreads[architecture] = mae_spread(trainings)
    return spreads


def scores_in_folds(project: Project, params: Params) -> dict[str, FoldScores]:
    """The scores of all forecasts in the folds of the rolling origin; nothing if there are none."""
    if not params.rolling_origin.origins:
        return {}
    mae: dict[str, dict[str, float]] = {name: {} for name in (*BASELINES, *params.architectures)}
    for origin in params.rolling_origin.origins:
        files = {name: in_fold(name, origin) for name in mae}
        forecasts = {
            name: read_predictions(project.predictions_parquet(file), built_by=built_by(file))
            for name, file in files.items()
        }
        for name, found in forecasts.items():
            mae[name][origin] = evaluate(files[name], found, forecasts[NAIVE])["test"].mae
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
