"""splits: rows and windows per split -> data/processed/splits.json, reports/data_card.json."""

from jena_etl.files import write_json
from jena_etl.params import Params
from jena_etl.prepare.arrays import read_timestamps
from jena_etl.prepare.data_card import CellMarks, data_card, render_card
from jena_etl.prepare.splits import describe_splits
from jena_etl.project import Project
from jena_etl.windows.spec import WindowSpec
from pipeline import run, show


def main(project: Project, params: Params) -> None:
    """Materialise the split ranges and their windows, and describe the data by split."""
    window, split = params.window, params.split
    climate, findings = project.climate_parquet, project.findings_parquet
    fractions = {"train": split.train, "validation": split.validation}
    splits = describe_splits(
        read_timestamps(climate),
        project.statistics,
        **fractions,
        policy=split.policy,
        gaps=window.gaps,
        target=window.target,
        spec=WindowSpec(**window.model_dump(exclude={"target", "gaps"})),
        filled_targets=CellMarks(findings).rows(window.target, filled=True),
    )
    card = data_card(climate, findings, project.source, splits, **fractions)
    write_json(project.splits_json, splits)
    write_json(project.data_card_json, card)
    counts = ", ".join(f"{name} {s['windows']:,}" for name, s in splits["splits"].items())
    show(f"windows under policy {splits['policy']}: {counts}\n{render_card(card)}")


if __name__ == "__main__":
    run(main)
