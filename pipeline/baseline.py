"""baseline: forecast every scored window without a model -> data/predictions/naive.parquet, ..."""

from contextlib import ExitStack

from jena_etl.evaluation.baselines import fitted_baselines
from jena_etl.evaluation.predictions import (
    BASELINES,
    SCORED,
    Predictions,
    predictions_writer,
    with_observations,
)
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, _: Params) -> None:
    """Write the forecasts of each baseline."""
    project.windows(SCORED[0], project.stations.names or None)  # refuses those that do not fit
    with ExitStack() as stack:
        write = {
            name: stack.enter_context(predictions_writer(project.predictions_parquet(name)))
            for name in BASELINES
        }
        for number, station in project.each_station():
            for name, parts in baseline_predictions(station).items():
                write[name](parts, number)


def baseline_predictions(project: Project) -> dict[str, dict[str, Predictions]]:
    """The forecasts of each baseline with their observations, by baseline and split."""
    splits = {split: project.series_windows(split) for split in SCORED}
    timestamps, train = project.timestamps, project.splits.splits.train.rows
    return {
        name: {
            split: with_observations(splits[split], timestamps, forecast)
            for split, forecast in forecasts.items()
        }
        for name, forecasts in fitted_baselines(splits, timestamps, train).items()
    }


if __name__ == "__main__":
    run(main)
