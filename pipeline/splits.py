"""splits: divide rows and windows -> data/processed/splits.json, reports/data_card.json."""

from jena_etl.params import Params
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import Climate, read_series
from jena_etl.prepare.describe import describe_data
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.prepare.splits import series_splits
from jena_etl.project import Project
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Write the rows and windows of each split, and describe the data split by split."""
    describe(project, params, read_series(project.climate_parquet, project.features_parquet))


def describe(project: Project, params: Params, climate: Climate) -> None:
    """Write the splits and the data card of a station."""
    marks = CellMarks(project.findings_parquet)
    splits = series_splits(climate, project.statistics, params, marks)
    card = describe_data(climate, marks, project.source, splits, split_rows(params.split))
    splits.write(project.splits_json)
    card.write(project.data_card_json)
    counts = ", ".join(f"{name} {part.windows:,}" for name, part in splits.splits.items())
    show(f"windows under policy {splits.policy}: {counts}\n")
    show(card.faults(project.inspect_command))


if __name__ == "__main__":
    run(main)
