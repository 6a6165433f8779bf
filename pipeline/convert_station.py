"""convert_station NAME: convert a further station's files -> data/interim/stations/NAME/.

It does for the station what convert and features do for the first one, and computes the statistics
of the station's own train rows, which may be pooled with those of the others.
"""

from jena_etl.errors import LackingColumnsError
from jena_etl.params import Params
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.outputs import LackingColumns, left_out_text
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import Project
from jena_etl.station_project import StationProject
from pipeline import features, run, show
from pipeline.convert import convert_source


def main(project: Project, params: Params, name: str) -> None:
    """Convert the source files of the station, and compute its features and statistics.

    If they lack a column and params.yaml says so, the station is left out: only that is written.
    """
    options = params.station_dialect(name)
    station = StationProject(project.root, name)
    with station.about():
        try:
            convert_source(station, options, params.split)
        except LackingColumnsError as error:
            if params.stations.on_lacking_column == "error":
                raise
            LackingColumns(columns=error.columns).write(station.converted_lacking_json)
            show(f"{left_out_text(name, error.columns)}\n")
            return
        station.converted_lacking_json.unlink(missing_ok=True)
        features.main(station, params)
        series = read_series(station.climate_parquet, station.features_parquet)
        train_statistics(series, split_rows(params.split)).write(station.own_statistics_json)


if __name__ == "__main__":
    run(main, "name")
