"""statistics: compute mean and std of the train rows -> data/processed/statistics.json."""

from jena_etl.params import Params
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.splits import SplitFractions
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import Project
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Compute the statistics from the train rows alone."""
    fractions = SplitFractions(train=params.split.train, validation=params.split.validation)
    series = read_series(project.climate_parquet, project.features_parquet)
    statistics = train_statistics(series, fractions)
    statistics.write(project.statistics_json)
    for name in statistics.constant:
        show(f"{name} is constant over the train rows; its std is set to 1\n")


if __name__ == "__main__":
    run(main)
