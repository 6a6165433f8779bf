"""evaluate: score and rank every forecast -> reports/metrics/, reports/leaderboard.*.

Prediction intervals for every model are made on the way -> reports/prediction_intervals.json.

The best model is copied to data/best_model.keras, so that others can fetch it under one name.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from jena_etl.evaluation.assess import Assessment, assess
from jena_etl.evaluation.forecasts import Forecasts
from jena_etl.evaluation.further_trainings import (
    scores_by_lead_time,
    scores_in_folds,
    scores_over_seeds,
    validation_mae,
)
from jena_etl.evaluation.history import read_history
from jena_etl.evaluation.intervals import compare
from jena_etl.evaluation.lead_times import step_seconds
from jena_etl.evaluation.leaderboard import (
    Entry,
    as_csv,
    as_markdown,
    as_metrics,
    best_on_validation,
    title,
)
from jena_etl.evaluation.prediction_intervals import PredictionIntervals
from jena_etl.evaluation.predictions import (
    BASELINES,
    NAIVE,
    Predictions,
    at_horizon,
    built_by,
    in_fold,
    with_seed,
)
from jena_etl.evaluation.stations import StationScores
from jena_etl.files import replacing, write_json, write_text
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.model_file import read_metadata
from pipeline import move_unlisted, run, show


def main(project: Project, params: Params) -> None:
    """Score and rank the architectures and ensembles of params.yaml and the baselines."""
    forecasts = Forecasts(project, (*BASELINES, *params.architectures), params.ensembles)
    found, naive = _assess_each(project, params, forecasts)
    scores = {name: one.scores for name, one in found.items()}
    seeds = scores_over_seeds(project, params, scores, naive)
    del naive  # the times and observations of all stations, which nothing below reads
    mae = validation_mae(scores, seeds)
    best = best_on_validation(mae)
    entries = _entries(project, found, forecasts, best)
    folds = scores_in_folds(project, params)
    lead_times = scores_by_lead_time(project, params, scores)
    entries = [
        replace(
            entry,
            seeds=seeds.get(entry.architecture),
            folds=folds.get(entry.architecture),
            lead_times=lead_times.get(entry.architecture),
        )
        for entry in entries
    ]
    intervals = PredictionIntervals(
        target=project.splits.target,
        residuals={name: one.residuals for name, one in found.items() if one.residuals},
    )
    intervals.write(project.prediction_intervals_json)
    _write_metrics(project, entries)
    _write_leaderboard(project, entries)
    # `best` may be an ensemble or a baseline, which the train stages leave no model file of.
    best_trained = best_on_validation({name: mae[name] for name in params.architectures})
    _copy_best(project, best_trained)
    _move_unlisted(project, params)
    show(f"best on validation: {best}, MAE {mae[best]:.2f}\n")


def _assess_each(
    project: Project, params: Params, forecasts: Forecasts
) -> tuple[dict[str, Assessment], dict[str, Predictions]]:
    """Score one forecast after the other; also the naive ones where models learn, by split."""
    stations = project.stations
    naive = {
        split: part.of_stations(stations.seen_numbers) for split, part in forecasts[NAIVE].items()
    }
    found = {}
    for name in forecasts:
        model_file = project.model_file(name) if name in params.architectures else None
        found[name] = assess(name, forecasts[name], naive, stations, model_file)
    return found, naive


def _entries(
    project: Project, found: dict[str, Assessment], forecasts: Forecasts, best: str
) -> list[Entry]:
    """The lines of the leaderboard, without what comes from further trainings."""
    compared = compare({name: one.daily_errors for name, one in found.items()}, best=best)
    entries: list[Entry] = []
    for name, one in found.items():
        parameters, best_epoch = 0, None
        if weights := forecasts.weights(name):
            of_members = [entry.parameters for entry in entries if weights.get(entry.architecture)]
            parameters = sum(of_members) + len(of_members)  # a weight for each
        elif name not in BASELINES:
            parameters = read_metadata(project.model_file(name)).trainable_parameters
            history = read_history(project.history_csv(name), built_by=built_by(name))
            best_epoch = history.best_epoch
        at_stations = StationScores(one.station_mae, found[NAIVE].station_mae)
        entry = Entry(
            name,
            parameters,
            best_epoch,
            one.scores,
            compared[name],
            intervals=one.intervals,
            stations=at_stations if project.stations.names else None,
            weights=weights,
        )
        entries.append(entry)
    return entries


def _write_leaderboard(project: Project, entries: list[Entry]) -> None:
    source = project.data_card.source.model_copy(update={"synthetic": project.is_synthetic})
    heading = title(project.splits, source, project.stations)
    seconds = step_seconds(project.data_card, project.splits.window)
    write_text(project.leaderboard_csv, as_csv(entries))
    write_text(project.leaderboard_md, as_markdown(entries, heading, seconds, project.stations))


def _write_metrics(project: Project, entries: list[Entry]) -> None:
    """Write a file for each entry, and move those of what is no longer on the leaderboard.

    `dvc metrics show` would go on to show them. Whatever else lies beside them stays.
    """
    for entry in entries:
        write_json(project.metrics_json(entry.architecture), as_metrics(entry))
    folder = project.metrics_json(NAIVE).parent
    kept = {project.metrics_json(entry.architecture).name for entry in entries}
    kept |= {path.name for path in folder.iterdir() if not _is_of_a_model(path)}
    move_unlisted(project, folder, kept, project.unlisted(folder))


def _is_of_a_model(path: Path) -> bool:
    """Whether the file holds what `_write_metrics` writes."""
    if path.suffix != ".json":
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and "validation_mae" in found


def _copy_best(project: Project, name: str) -> None:
    """Give the best model a path that does not change with its name; DVC's cache stores it once."""
    with replacing(project.best_model) as part:
        shutil.copyfile(project.model_file(name), part)


def _move_unlisted(project: Project, params: Params) -> None:
    """Keep in the folders that this stage depends on what belongs to a listed model alone.

    A model, a seed, a fold or a horizon that was taken off its list is moved.
    """
    names = params.architectures
    trained = [with_seed(name, seed) for name in names for seed in params.further_seeds]
    origins = params.rolling_origin.origins
    trained += [in_fold(name, at) for name in (*names, *BASELINES) for at in origins]
    horizons = params.further_horizons
    trained += [at_horizon(name, steps) for name in (*names, *BASELINES) for steps in horizons]
    listed = {project.model_file(name) for name in names}
    listed |= {project.predictions_parquet(name) for name in (*names, *trained, *BASELINES)}
    for folder in sorted({file.parent for file in listed}):
        move_unlisted(project, folder, {file.name for file in listed}, project.unlisted(folder))


if __name__ == "__main__":
    run(main)
