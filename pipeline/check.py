"""check: check all of params.yaml before any other stage begins -> data/params_checked.txt.

It also lists the stations for the stages that read all of them -> data/*/stations/stations.json.

Without this stage, a mistake in a model's block would show only when that model is trained, hours
later, and an unknown architecture as an error of DVC's that does not mention params.yaml. The
first output is always the same, so a check alone makes no other stage run.
"""

from jena_etl.files import write_text
from jena_etl.models import configure_all
from jena_etl.params import Params
from jena_etl.prepare.outputs import StationList
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Check the blocks of all models; the rest was checked when params.yaml was read."""
    configure_all(params)
    stations = StationList(
        first=params.stations.first if params.stations.further else None,
        further=tuple(params.stations.further),
        unseen=params.stations.unseen,
        statistics=params.stations.statistics,
    )
    for listed in (project.interim_stations_json, project.stations_json):
        stations.write(listed)
    write_text(project.params_checked, "params.yaml has been checked\n")


if __name__ == "__main__":
    run(main)
