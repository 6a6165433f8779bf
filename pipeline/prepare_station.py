"""prepare_station NAME: prepare a further station -> data/processed/stations/NAME/.

It holds what statistics, splits and arrays write to data/processed for the first station, and the
station's data card.
"""

from jena_etl.params import Params
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.outputs import LackingColumns
from jena_etl.prepare.statistics import with_columns_of
from jena_etl.project import Project
from jena_etl.station_project import StationProject
from pipeline import run
from pipeline.arrays import write_arrays
from pipeline.splits import describe


def main(project: Project, params: Params, name: str) -> None:
    """Write the statistics, splits, arrays and data card of the station.

    Of a station that is left out, only the columns that its files lack are written.
    """
    params.stations.further_station(name)
    station = StationProject(project.root, name)
    if station.converted_lacking_json.is_file():
        LackingColumns.read(station.converted_lacking_json).write(station.lacking_json)
        return
    station.lacking_json.unlink(missing_ok=True)
    pooled = project.statistics if params.stations.statistics == "pooled" else None
    with station.about():
        own = station.own_statistics
        statistics = with_columns_of(own, pooled) if pooled else own
        statistics.write(station.statistics_json)
        series = read_series(station.climate_parquet, station.features_parquet)
        describe(station, params, series)
        write_arrays(station, params, series)


if __name__ == "__main__":
    run(main, "name")
