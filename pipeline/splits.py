"""splits: rows and windows per split -> data/processed/splits.json, reports/data_card.json."""

from jena_etl.params import Params
from jena_etl.prepare.climate import read_climate
from jena_etl.prepare.describe import CellMarks, describe_data
from jena_etl.prepare.splits import SplitFractions, describe_splits
from jena_etl.project import Project
from jena_etl.windows.spec import WindowSpec
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Materialise the split ranges and their windows, and describe the data by split."""
    window, split = params.window, params.split
    climate = read_climate(project.climate_parquet)
    marks = CellMarks(project.findings_parquet)
    fractions = SplitFractions(train=split.train, validation=split.validation)
    splits = describe_splits(
        climate,
        project.statistics,
        fractions,
        policy=split.policy,
        gaps=window.gaps,
        target=window.target,
        spec=WindowSpec(**window.model_dump(exclude={"target", "gaps"})),
        filled_targets=marks.rows(window.target, filled=True),
    )
    card = describe_data(climate, marks, project.source, splits, fractions)
    splits.write(project.splits_json)
    card.write(project.data_card_json)
    counts = ", ".join(f"{name} {held.windows:,}" for name, held in splits.splits.items())
    show(f"windows under policy {splits.policy}: {counts}\n{card}")


if __name__ == "__main__":
    run(main)
