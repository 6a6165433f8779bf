"""fold ORIGIN: prepare one fold of the rolling origin -> data/folds/ORIGIN/, data/predictions/*.

It holds what statistics, splits and arrays write to data/processed, for the rows of the fold alone,
and the baselines' forecasts are fitted to its train rows.
"""

from jena_etl.evaluation.predictions import in_fold, write_predictions
from jena_etl.params import Params
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.rolling_origin import cut, describe_fold, fold_rows
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import Project
from pipeline import run, show
from pipeline.arrays import write_arrays
from pipeline.baseline import baseline_predictions


def main(project: Project, params: Params, origin: str) -> None:
    """Prepare the fold whose scored rows begin at `origin`."""
    settings, window = params.rolling_origin, params.window
    fold = project.fold(settings.origin(origin))
    climate = read_series(project.climate_parquet, project.features_parquet)
    rows = fold_rows(climate.timestamps, origin, settings)
    part = cut(climate, rows.span)
    filled = CellMarks(project.findings_parquet).rows(window.target, filled=True)
    statistics = train_statistics(part, rows)
    splits = describe_fold(
        part,
        statistics,
        rows,
        policy=params.split.policy,
        window=window,
        gap=settings.gap,
        filled_targets=rows.inside(filled),
    )
    statistics.write(fold.statistics_json)
    splits.write(fold.splits_json)
    write_arrays(fold, params, part)
    for name, parts in baseline_predictions(fold).items():
        write_predictions(project.predictions_parquet(in_fold(name, origin)), parts)
    for name, split in splits.splits.items():
        show(f"{name}: {split.windows:,} windows in rows from {split.first} to {split.last}\n")


if __name__ == "__main__":
    run(main, "origin")
