"""splits: rows and windows per split -> data/processed/splits.json, reports/data_card.json."""

from jena_etl.files import write_json
from jena_etl.params import Params
from jena_etl.prepare.arrays import read_climate
from jena_etl.prepare.describe import CellMarks, describe_data
from jena_etl.prepare.splits import describe_splits
from jena_etl.project import Project
from jena_etl.windows.spec import WindowSpec
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Materialise the split ranges and their windows, and describe the data by split."""
    window, split = params.window, params.split
    timestamps, columns = read_climate(project.climate_parquet)
    marks = CellMarks(project.findings_parquet)
    fractions = {"train": split.train, "validation": split.validation}
    splits = describe_splits(
        timestamps,
        project.statistics,
        **fractions,
        policy=split.policy,
        gaps=window.gaps,
        target=window.target,
        spec=WindowSpec(**window.model_dump(exclude={"target", "gaps"})),
        filled_targets=marks.rows(window.target, filled=True),
    )
    card = describe_data(timestamps, columns, marks, project.source, splits, **fractions)
    write_json(project.splits_json, splits)
    card.write(project.data_card_json)
    counts = ", ".join(f"{name} {s['windows']:,}" for name, s in splits["splits"].items())
    show(f"windows under policy {splits['policy']}: {counts}\n{card}")


if __name__ == "__main__":
    run(main)
