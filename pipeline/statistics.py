"""statistics: mean and std of the train rows -> data/processed/statistics.json."""

from jena_etl.files import write_json
from jena_etl.params import Params
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import Project
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Compute the statistics of the train rows alone."""
    split = params.split
    statistics = train_statistics(
        project.climate_parquet, train=split.train, validation=split.validation
    )
    write_json(project.statistics_json, statistics)
    for name in statistics["constant"]:
        show(f"{name} is constant over the train rows; its std is set to 1\n")


if __name__ == "__main__":
    run(main)
