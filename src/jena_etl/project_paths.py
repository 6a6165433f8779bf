"""Where things lie in a project folder.

A further station, a fold and a further horizon have some of them elsewhere: station_project.py,
fold_project.py, horizon_project.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

# dvc.yaml's placeholder for what an item of a foreach or a matrix names.
ITEM = re.compile(re.escape("${item") + r"(?:\.(\w+))?}")


class PathIn:
    """A path in a project folder; `within` names the attribute that it is relative to.

    In braces, it may have fields of the project, such as the name of a station.
    """

    def __init__(self, relative: str, within: str = "root") -> None:
        self._relative, self._within = relative, within

    def __get__(self, paths: ProjectPaths, _: type[ProjectPaths]) -> Path:
        folder: Path = getattr(paths, self._within)
        return folder / self._relative.format_map(vars(paths))


@dataclass(frozen=True)
class ProjectPaths:
    """The paths in a project folder.

    >>> ProjectPaths(Path("somewhere")).statistics_json.as_posix()
    'somewhere/data/processed/statistics.json'
    """

    root: Path

    params_yaml = PathIn("params.yaml")
    # Written once params.yaml has been checked; every other stage waits for it.
    params_checked = PathIn("data/params_checked.txt")
    # Where the download stage keeps the source files; nothing else may lie there.
    downloads = PathIn("data/download")
    # What was converted, and what was prepared for the training.
    interim = PathIn("data/interim")
    processed = PathIn("data/processed")
    climate_parquet = PathIn("climate.parquet", "interim")
    # The cells of climate.parquet that hold no measurement.
    findings_parquet = PathIn("findings.parquet", "interim")
    # The features of params.yaml: columns computed from those of climate.parquet.
    features_parquet = PathIn("features.parquet", "interim")
    # What convert read, and from which files.
    source_json = PathIn("source.json", "interim")
    # The stations of the project. It lies in both folders of the further stations, so that they
    # exist and stages can depend on them even if there are none.
    stations_json = PathIn("data/processed/stations/stations.json")
    interim_stations_json = PathIn("data/interim/stations/stations.json")
    statistics_json = PathIn("statistics.json", "processed")
    # The rows and windows of each split.
    splits_json = PathIn("splits.json", "processed")
    features_npy = PathIn("features.npy", "processed")
    targets_npy = PathIn("targets.npy", "processed")
    timestamps_npy = PathIn("timestamps.npy", "processed")
    # What the three files above were made from.
    arrays_json = PathIn("arrays.json", "processed")
    # What the files hold, and what is wrong with them.
    data_card_json = PathIn("reports/data_card.json")
    leaderboard_csv = PathIn("reports/leaderboard.csv")
    leaderboard_md = PathIn("reports/leaderboard.md")
    # How far off each model was on the validation split, and so may be again.
    prediction_intervals_json = PathIn("reports/prediction_intervals.json")
    report_html = PathIn("reports/index.html")
    # What others fetch by name: a copy of the model that is best on validation, and its card.
    best_model = PathIn("data/best_model.keras")
    model_card_md = PathIn("reports/MODEL_CARD.md")
    # For `dvc plots`: the validation MAE of all models, and two weeks of forecasts.
    validation_curves_csv = PathIn("reports/plots/validation_curves.csv")
    forecasts_csv = PathIn("reports/plots/forecasts.csv")
    # Duration, device and versions of each run; git-ignored, not an output of any stage.
    run_log = PathIn("logs/runs.jsonl")

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
        fields = vars(self) | {"architecture": architecture}

        def value(item: re.Match[str]) -> str:
            return str(fields.get(item[1] or "architecture", item[0]))

        return [self.root / ITEM.sub(value, name) for name in names]

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
