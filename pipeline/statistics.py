"""statistics: compute mean and std of the train rows -> data/processed/statistics.json."""

from jena_etl.params import Params
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.outputs import StationList
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.prepare.statistics import pooled, train_statistics
from jena_etl.project import Project
from jena_etl.station_project import StationProject
from pipeline import move_unlisted, run, show


def main(project: Project, params: Params) -> None:
    """Compute the statistics from the train rows alone."""
    series = read_series(project.climate_parquet, project.features_parquet)
    statistics = train_statistics(series, split_rows(params.split))
    # As converted: they are prepared later, so data/processed may describe an earlier run.
    stations = StationList.listed(project.interim_stations_json)
    if stations.further and params.stations.statistics == "pooled":
        first, *others = stations.seen
        own = {name: StationProject(project.root, name).own_statistics for name in others}
        statistics = pooled({first: statistics, **own})
    for listed in (project.interim_stations_json, project.stations_json):
        names = {listed.name, *stations.further, *stations.left_out}
        # No later stage may do this: DVC records what a stage depends on before it begins.
        aside = project.unlisted(listed.parents[1]) / listed.parent.name
        move_unlisted(project, listed.parent, names, aside)
    statistics.write(project.statistics_json)
    for text in stations.left_out_texts:
        show(f"{text}\n")
    for name in statistics.constant:
        show(f"{name} is constant over the train rows; its std is set to 1\n")


if __name__ == "__main__":
    run(main)
