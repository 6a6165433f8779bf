"""statistics: compute mean and std of the train rows -> data/processed/statistics.json."""

from jena_etl.params import Params
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.outputs import Statistics
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.prepare.statistics import pooled, train_statistics
from jena_etl.project import Project
from jena_etl.station_project import StationProject
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Compute the statistics from the train rows alone."""
    series = read_series(project.climate_parquet, project.features_parquet)
    statistics = train_statistics(series, split_rows(params.split))
    if project.stations.further and params.stations.statistics == "pooled":
        names = [name for name in project.stations.further if name in project.stations.seen]
        others = {name: StationProject(project.root, name).own_statistics_json for name in names}
        first = str(project.stations.first)
        statistics = pooled({first: statistics} | {n: Statistics.read(others[n]) for n in names})
    statistics.write(project.statistics_json)
    for name in statistics.constant:
        show(f"{name} is constant over the train rows; its std is set to 1\n")


if __name__ == "__main__":
    run(main)
