"""horizon STEPS: the windows of a further horizon -> data/horizons/STEPS/, data/predictions/*.

Rows, policy, statistics and arrays are those of the project; only the target lies elsewhere. The
baselines' forecasts are fitted to the train rows for this horizon.
"""

from jena_etl.evaluation.predictions import at_horizon, write_predictions
from jena_etl.params import Params
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.splits import series_splits
from jena_etl.project import Project
from pipeline import run, show
from pipeline.baseline import baseline_predictions


def main(project: Project, params: Params, steps: str) -> None:
    """Write the splits of the horizon of so many sampled steps, and the baselines' forecasts."""
    horizon = params.further_horizon(steps)
    window = params.window.model_copy(update={"horizon": horizon})
    climate = read_series(project.climate_parquet, project.features_parquet)
    marks = CellMarks(project.findings_parquet)
    changed = params.model_copy(update={"window": window})
    splits = series_splits(climate, project.statistics, changed, marks)
    further = project.further_horizon(horizon)
    splits.write(further.splits_json)
    for name, parts in baseline_predictions(further).items():
        write_predictions(project.predictions_parquet(at_horizon(name, horizon)), parts)
    counts = ", ".join(f"{name} {part.windows:,}" for name, part in splits.splits.items())
    show(f"windows {horizon} steps ahead, under policy {splits.policy}: {counts}\n")


if __name__ == "__main__":
    run(main, "steps")
