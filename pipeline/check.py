"""check: check all of params.yaml before any other stage begins -> data/params_checked.txt.

Without this stage, a mistake in a model's block would show only when that model is trained, hours
later, and an unknown architecture as an error of DVC's that does not mention params.yaml. The
output is always the same, so a check alone makes no other stage run.
"""

from jena_etl.files import write_text
from jena_etl.models import configure_all
from jena_etl.params import Params
from jena_etl.project import Project
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Check the blocks of all models; the rest was checked when params.yaml was read."""
    configure_all(params)
    write_text(project.params_checked, "params.yaml has been checked\n")


if __name__ == "__main__":
    run(main)
