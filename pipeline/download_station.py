"""download_station NAME: fetch a further station's files -> data/download_stations/NAME/."""

from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.station_project import StationProject
from pipeline import run
from pipeline.download import fetch


def main(project: Project, params: Params, name: str) -> None:
    """Fetch and check the source files of the station."""
    sources = params.station_sources(name)
    station = StationProject(project.root, name)
    with station.about():
        fetch(station, sources, f"stations.further.{name}.download")


if __name__ == "__main__":
    run(main, "name")
