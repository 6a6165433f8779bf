"""All that is computed from the windows of one forecast, so that the windows can then be let go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jena_etl.evaluation.intervals import DailyErrors, daily_errors
from jena_etl.evaluation.metrics import Scores, evaluate
from jena_etl.evaluation.prediction_intervals import (
    IntervalScores,
    ResidualQuantiles,
    conformal_quantiles,
    interval_scores,
    residuals_of,
)
from jena_etl.evaluation.predictions import Predictions
from jena_etl.evaluation.stations import mae_by_station
from jena_etl.files import sha256_of
from jena_etl.prepare.outputs import StationList


@dataclass(frozen=True)
class Assessment:
    """How good one forecast is.

    Attributes:
        scores: by split.
        daily_errors: on the test split.
        residuals: the quantiles of its errors on the validation split; None if there are too few.
        intervals: the scores of the prediction intervals made from them, on the test split.
        station_mae: on the test split of each station, those that no model learns from included;
            empty if there is one station. All else is about the stations that models learn from.
    """

    scores: dict[str, Scores]
    daily_errors: DailyErrors
    residuals: ResidualQuantiles | None
    intervals: IntervalScores | None
    station_mae: dict[str, float]


def assess(
    name: str,
    everywhere: dict[str, Predictions],
    naive: dict[str, Predictions],
    stations: StationList,
    model_file: Path | None,
) -> Assessment:
    """Score a forecast.

    Args:
        name: that of the baseline, the architecture or the ensemble.
        everywhere: its forecasts for all stations, by split.
        naive: the naive forecasts for the stations that models learn from, by split.
        stations: the stations.
        model_file: the model that made the forecasts; None for a baseline and an ensemble.

    Raises:
        ProjectError: the naive forecasts are for other windows.
    """
    parts = {
        split: part.of_stations(stations.seen_numbers).sharing(naive[split])
        for split, part in everywhere.items()
    }
    digest = sha256_of(model_file) if model_file else None
    residuals = conformal_quantiles(residuals_of(parts["validation"]), digest)
    return Assessment(
        scores=evaluate(name, parts, naive),
        daily_errors=daily_errors(parts["test"]),
        residuals=residuals,
        intervals=interval_scores(residuals, parts["validation"], parts["test"])
        if residuals
        else None,
        station_mae=mae_by_station(everywhere["test"], stations),
    )
