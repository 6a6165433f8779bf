"""baseline: make the naive forecast for every scored window -> data/predictions/naive.parquet."""

from jena_etl.evaluation.predictions import (
    NAIVE,
    SCORED,
    naive_forecast,
    with_observations,
    write_predictions,
)
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, _: Params) -> None:
    """Forecast that nothing changes."""
    parts = {}
    for split in SCORED:
        windows = project.windows(split)
        parts[split] = with_observations(windows, project.timestamps, naive_forecast(windows))
    write_predictions(project.predictions_parquet(NAIVE), parts)


if __name__ == "__main__":
    run(main)
