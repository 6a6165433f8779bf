"""baseline: forecast every scored window without a model -> data/predictions/naive.parquet, ..."""

from jena_etl.evaluation.baselines import fitted_baselines
from jena_etl.evaluation.predictions import (
    SCORED,
    Predictions,
    with_observations,
    write_predictions,
)
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, _: Params) -> None:
    """Write the forecasts of each baseline."""
    for name, parts in baseline_predictions(project).items():
        write_predictions(project.predictions_parquet(name), parts)


def baseline_predictions(project: Project) -> dict[str, dict[str, Predictions]]:
    """The forecasts of each baseline with their observations, by baseline and split."""
    splits = {split: project.windows(split) for split in SCORED}
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
