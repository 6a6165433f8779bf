"""evaluate: score and rank every forecast -> reports/metrics/, reports/leaderboard.*.

Prediction intervals for every model are made on the way -> reports/prediction_intervals.json.

The best model is copied to data/best_model.keras, so that others can fetch it under one name.
"""

import json
import shutil

from jena_etl.evaluation.ensemble import ensemble_weights, with_ensembles
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
from jena_etl.evaluation.metrics import evaluate
from jena_etl.evaluation.prediction_intervals import (
    IntervalScores,
    interval_scores,
    prediction_intervals,
)
from jena_etl.evaluation.predictions import (
    BASELINES,
    NAIVE,
    Predictions,
    at_horizon,
    built_by,
    in_fold,
    read_predictions,
    with_seed,
)
from jena_etl.evaluation.repeats import (
    scores_by_lead_time,
    scores_in_folds,
    scores_over_seeds,
    validation_mae,
)
from jena_etl.evaluation.stations import station_scores
from jena_etl.files import replacing, set_aside, write_json, write_text
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.training.model_file import read_metadata
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Score and rank the architectures of params.yaml and the baselines."""
    stations = project.stations
    everywhere: dict[str, dict[str, Predictions]] = {}
    for name in (*BASELINES, *params.architectures):
        parts = read_predictions(project.predictions_parquet(name), built_by=built_by(name))
        naive = everywhere.get(NAIVE, parts)
        everywhere[name] = {split: part.sharing(naive[split]) for split, part in parts.items()}
    everywhere = with_ensembles(everywhere, params.ensembles, stations.seen_numbers)
    by_station = station_scores({n: parts["test"] for n, parts in everywhere.items()}, stations)
    # All else is about the stations that models learn from.
    forecasts = {
        name: {split: part.of_stations(stations.seen_numbers) for split, part in parts.items()}
        for name, parts in everywhere.items()
    }
    scores = {name: evaluate(name, forecasts[name], forecasts[NAIVE]) for name in forecasts}
    seeds = scores_over_seeds(project, params, scores, forecasts[NAIVE])
    folds = scores_in_folds(project, params)
    lead_times = scores_by_lead_time(project, params, scores)
    mae = validation_mae(scores, seeds)
    best = best_on_validation(mae)
    compared = compare({name: parts["test"] for name, parts in forecasts.items()}, best=best)
    intervals = _prediction_intervals(project, params, forecasts)
    entries: list[Entry] = []
    for name in forecasts:
        parameters, best_epoch, weights = 0, None, {}
        if members := params.ensembles.get(name):
            weights = ensemble_weights({one: forecasts[one]["validation"] for one in members})
            of_members = [entry.parameters for entry in entries if weights.get(entry.architecture)]
            parameters = sum(of_members) + len(of_members)  # a weight for each
        elif name not in BASELINES:
            parameters = read_metadata(project.model_file(name)).trainable_parameters
            history = read_history(project.history_csv(name), built_by=built_by(name))
            best_epoch = history.best_epoch
        entry = Entry(
            name,
            parameters,
            best_epoch,
            scores[name],
            compared[name],
            intervals=intervals.get(name),
            seeds=seeds.get(name),
            folds=folds.get(name),
            lead_times=lead_times.get(name),
            stations=by_station.get(name),
            weights=weights,
        )
        entries.append(entry)
    for name in set(params.models) - set(params.architectures):  # since removed from the list
        project.metrics_json(name).unlink(missing_ok=True)
    _remove_metrics_of_ensembles(project)
    for entry in entries:
        write_json(project.metrics_json(entry.architecture), as_metrics(entry))
    source = project.data_card.source.model_copy(update={"synthetic": project.is_synthetic})
    heading = title(project.splits, source, stations)
    seconds = step_seconds(project.data_card, project.splits.window)
    write_text(project.leaderboard_csv, as_csv(entries))
    write_text(project.leaderboard_md, as_markdown(entries, heading, seconds, stations))
    _copy_best(project, best_on_validation({name: mae[name] for name in params.architectures}))
    _set_unlisted_aside(project, params)
    show(f"best on validation: {best}, MAE {mae[best]:.2f}\n")


def _prediction_intervals(
    project: Project, params: Params, forecasts: dict[str, dict[str, Predictions]]
) -> dict[str, IntervalScores]:
    """Make the intervals on the validation split, write them and score them on the test split."""
    intervals = prediction_intervals(
        {name: parts["validation"] for name, parts in forecasts.items()},
        project.splits.target,
        {name: project.model_file(name) for name in params.architectures},
    )
    intervals.write(project.prediction_intervals_json)
    return {
        name: interval_scores(quantiles, forecasts[name]["validation"], forecasts[name]["test"])
        for name, quantiles in intervals.residuals.items()
    }


def _remove_metrics_of_ensembles(project: Project) -> None:
    """Those of listed ensembles are written again; of others, only the files know the names."""
    for path in project.metrics_json(NAIVE).parent.glob("*.json"):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # somebody else's
        if isinstance(found, dict) and "weights" in found:
            path.unlink()


def _copy_best(project: Project, name: str) -> None:
    """Give the best model a path that does not change with its name; DVC's cache stores it once."""
    with replacing(project.best_model) as part:
        shutil.copyfile(project.model_file(name), part)


def _set_unlisted_aside(project: Project, params: Params) -> None:
    """Keep in the folders that this stage depends on only what a colleague gets by `dvc pull`.

    DVC records these folders as they are when the stage ends. What was taken off its list, a model,
    a seed, a fold or a horizon, would be part of the record but missing from the colleague's clone,
    where the stage would be out of date.
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
        aside = project.unlisted(folder)
        for name in set_aside(folder, {file.name for file in listed}, aside):
            shown = f"{folder.relative_to(project.root)}/{name}"
            show(f"{shown}: not listed in params.yaml; moved to unlisted/{aside.name}/\n")


if __name__ == "__main__":
    run(main)
