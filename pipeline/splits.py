"""splits: rows and windows of train, validation and test -> data/processed/splits.json."""

import sys

from jena_etl.etl.arrays import read_stamps
from jena_etl.etl.splits import describe_splits
from jena_etl.files import write_json
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.windows.spec import WindowSpec
from pipeline import run


def main(project: Project, params: Params) -> None:
    """Materialise the split ranges and their windows."""
    window = params.window
    splits = describe_splits(
        read_stamps(project.climate_parquet),
        project.statistics,
        train=params.split.train,
        validation=params.split.validation,
        policy=params.split.policy,
        gaps=window.gaps,
        target=window.target,
        spec=WindowSpec(**window.model_dump(exclude={"target", "gaps"})),
    )
    write_json(project.splits_json, splits)
    counts = ", ".join(f"{name} {s['windows']:,}" for name, s in splits["splits"].items())
    sys.stdout.write(f"windows under policy {splits['policy']}: {counts}\n")


if __name__ == "__main__":
    run(main)
