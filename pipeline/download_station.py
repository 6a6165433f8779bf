"""download_station NAME: fetch a further station's files -> data/download_stations/NAME/."""

from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.station_project import StationProject, about_station
from pipeline import run
from pipeline.download import fetch


def main(project: Project, params: Params, name: str) -> None:
    """Fetch and check the source files of the station."""
    sources = params.station_sources(name)
    with about_station(name):
        fetch(StationProject(project.root, name), sources, f"stations.further.{name}.download")


if __name__ == "__main__":
    run(main, "name")
