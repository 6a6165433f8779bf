"""Where things lie in a project folder.

A further station, a fold and a further horizon have some of them elsewhere: station_project.py,
fold_project.py, horizon_project.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# dvc.yaml's placeholder for an architecture's name, in a foreach and in a matrix.
ITEM = re.compile(re.escape("${item") + r"(\.architecture)?}")


class _Path:
    """A path in a project folder, written relative to it."""

    def __init__(self, relative: str) -> None:
        self._relative = relative

    def __get__(self, paths: ProjectPaths, _: type[ProjectPaths]) -> Path:
        return paths.root / self._relative


class _InterimPath(_Path):
    """A path in the folder of what was converted."""

    def __get__(self, paths: ProjectPaths, _: type[ProjectPaths]) -> Path:
        return paths.interim / self._relative


class _ProcessedPath(_Path):
    """A path in the folder of what was prepared for the training."""

    def __get__(self, paths: ProjectPaths, _: type[ProjectPaths]) -> Path:
        return paths.processed / self._relative


@dataclass(frozen=True)
class ProjectPaths:
    """The paths in a project folder.

    >>> ProjectPaths(Path("somewhere")).statistics_json.as_posix()
    'somewhere/data/processed/statistics.json'
    """

    root: Path

    params_yaml = _Path("params.yaml")
    # Written once params.yaml has been checked; every other stage waits for it.
    params_checked = _Path("data/params_checked.txt")
    climate_parquet = _InterimPath("climate.parquet")
    # The cells of climate.parquet that hold no measurement.
    findings_parquet = _InterimPath("findings.parquet")
    # The features of params.yaml: columns computed from those of climate.parquet.
    features_parquet = _InterimPath("features.parquet")
    # What convert read, and from which files.
    source_json = _InterimPath("source.json")
    # The stations of the project. It lies in both folders of the further stations, so that they
    # exist and stages can depend on them even if there are none.
    stations_json = _Path("data/processed/stations/stations.json")
    interim_stations_json = _Path("data/interim/stations/stations.json")
    statistics_json = _ProcessedPath("statistics.json")
    features_npy = _ProcessedPath("features.npy")
    targets_npy = _ProcessedPath("targets.npy")
    timestamps_npy = _ProcessedPath("timestamps.npy")
    # What the three files above were made from.
    arrays_json = _ProcessedPath("arrays.json")
    leaderboard_csv = _Path("reports/leaderboard.csv")
    leaderboard_md = _Path("reports/leaderboard.md")
    # How far off each model was on the validation split, and so may be again.
    prediction_intervals_json = _Path("reports/prediction_intervals.json")
    report_html = _Path("reports/index.html")
    # What others fetch by name: a copy of the model that is best on validation, and its card.
    best_model = _Path("data/best_model.keras")
    model_card_md = _Path("reports/MODEL_CARD.md")
    # For `dvc plots`: the validation MAE of all models, and two weeks of forecasts.
    validation_curves_csv = _Path("reports/plots/validation_curves.csv")
    forecasts_csv = _Path("reports/plots/forecasts.csv")
    # Duration, device and versions of each run; git-ignored, not an output of any stage.
    run_log = _Path("logs/runs.jsonl")

    @property
    def downloads(self) -> Path:
        """Where the download stage keeps the source files; nothing else may lie here."""
        return self.root / "data/download"

    @property
    def interim(self) -> Path:
        """The folder of what was converted."""
        return self.root / "data/interim"

    @property
    def processed(self) -> Path:
        """The folder of what was prepared for the training."""
        return self.root / "data/processed"

    @property
    def splits_json(self) -> Path:
        """The rows and windows of each split."""
        return self.processed / "splits.json"

    @property
    def data_card_json(self) -> Path:
        """What the files hold, and what is wrong with them."""
        return self.root / "reports/data_card.json"

    @property
    def inspect_command(self) -> str:
        """What to type to see what the files hold."""
        return "jena-etl inspect"

    def lock(self, stage: str) -> Path:
        """The lock held by the process that runs a stage; git-ignored."""
        return self.root / "locks" / f"{quote(stage, safe='@')}.lock"  # a file, whatever the name

    def unlisted(self, folder: Path) -> Path:
        """Where stages move what params.yaml does not list from `folder`; git-ignored."""
        return self.root / "unlisted" / folder.name

    def checkpoint(self, run: str, key: str) -> Path:
        """The checkpoint of the training run that `key` names; removed when the run is complete."""
        return self.root / f"checkpoints/{run}-{key}.npz"

    def unfinished(self, run: str) -> list[Path]:
        """What training runs of this name have left in checkpoints/, whatever their key."""
        key = "[0-9a-f]" * 16  # so that `lstm` does not find `lstm-seed1`
        files = (self.root / "checkpoints").glob(f"{run}-{key}.*")
        return sorted(file for file in files if file.suffix in (".npz", ".keras"))

    def training_dependencies(self, architecture: str, *, stage: str = "train") -> list[Path]:
        """The data and code that dvc.yaml declares for the stage that trains `architecture`."""
        from ruamel.yaml import YAML

        declared = YAML(typ="safe", pure=True).load(self.root / "dvc.yaml")["stages"][stage]
        names = declared.get("do", declared)["deps"]  # the first of a foreach, not of a matrix
        return [self.root / ITEM.sub(architecture, name) for name in names]

    def model_file(self, architecture: str) -> Path:
        return self.root / f"models/{architecture}.keras"

    def ensemble_file(self, name: str) -> Path:
        return self.root / f"data/ensembles/{name}.keras"

    def history_csv(self, architecture: str) -> Path:
        return self.root / f"reports/history/{architecture}.csv"

    def metrics_json(self, architecture: str) -> Path:
        return self.root / f"reports/metrics/{architecture}.json"

    def predictions_parquet(self, name: str) -> Path:
        """The forecasts of a baseline, an architecture or one of its further trainings."""
        return self.root / f"data/predictions/{name}.parquet"
