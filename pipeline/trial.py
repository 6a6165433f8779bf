"""trial KEY: train one trial of a search; not a stage, but what `jena-etl sweep` starts for each.

checkpoints/sweep/trials/KEY.json says what to train, KEY.csv is its history, KEY-result.json how it
ended.
"""

from jena_etl.errors import SweepError
from jena_etl.params import Params
from jena_etl.params_check import check, load_yaml
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.splits import series_splits
from jena_etl.project import Project
from jena_etl.sweep.space import LENGTH, with_values
from jena_etl.sweep.train_trial import TrialProject, train_trial
from jena_etl.sweep.trial import Trial, TrialFiles
from pipeline import run


def main(project: Project, params: Params, key: str) -> None:  # noqa: ARG001  all stages have them
    """Train the trial of this key."""
    files = TrialFiles(project.root, key)
    if not files.trial.is_file():
        raise SweepError(
            f"there is no trial {key} in {files.trial.parent}; jena-etl sweep makes it"
        )
    trial = Trial.model_validate_json(files.trial.read_bytes())
    raw = load_yaml(project.params_yaml)
    changed = check(Params, with_values(raw, trial.values), "")
    if LENGTH in trial.values:
        climate = read_series(project.climate_parquet, project.features_parquet)
        marks = CellMarks(project.findings_parquet)
        splits = series_splits(climate, project.statistics, changed, marks)
        project = TrialProject(project.root, key)
        splits.write(project.splits_json)
    train_trial(project, changed, trial)


if __name__ == "__main__":
    run(main, "key")
