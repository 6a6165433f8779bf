"""baseline: forecast every scored window without a model -> data/predictions/naive.parquet, ..."""

from jena_etl.evaluation.baselines import fitted_baselines
from jena_etl.evaluation.predictions import (
    BASELINES,
    SCORED,
    Predictions,
    joined,
    with_observations,
    write_predictions,
)
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, _: Params) -> None:
    """Write the forecasts of each baseline."""
    if not (names := project.stations.names):
        found = baseline_predictions(project)
    else:
        project.windows(SCORED[0], names)  # refuses stations that do not fit together
        stations = [baseline_predictions(project.station(name)) for name in names]
        found = {
            name: {split: joined([part[name][split] for part in stations]) for split in SCORED}
            for name in BASELINES
        }
    for name, parts in found.items():
        write_predictions(project.predictions_parquet(name), parts)


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
