"""The audit passes the pipeline as it is, and finds each leak that is planted in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from jena_etl.cli import app
from jena_etl.commands.audit import Check, audit
from jena_etl.commands.audit_copies import preparing_stages, replace_rows
from jena_etl.errors import ProjectError
from jena_etl.evaluation.baselines import fitted_baselines
from jena_etl.ingest.convert import convert
from jena_etl.ingest.synthetic import write_synthetic
from jena_etl.params import Params, read_params
from jena_etl.prepare.arrays import normalised_features
from jena_etl.prepare.climate import Climate, read_climate
from jena_etl.prepare.features import compute_features
from jena_etl.prepare.outputs import Statistics
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import Project
from tests.prepare.test_features import EVERY_KIND, features_of

ROWS, RATE = 1_200, 6


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Project:
    """A project whose convert stage has run, and no other."""
    project = Project(tmp_path_factory.mktemp("audit"))
    params = YAML().load(checkout / "params.yaml")
    params["window"].update(sequence_length=12, horizon=4)
    YAML().dump(params, project.params_yaml)
    shutil.copy(checkout / "dvc.yaml", project.root)
    shutil.copytree(checkout / "pipeline", project.root / "pipeline")
    write_synthetic(project.root / "station.zip", rows=ROWS, seed=1)
    project.climate_parquet.parent.mkdir(parents=True)
    options = read_params(project.params_yaml).convert.model_copy(update={"members": None})
    outs = project.climate_parquet, project.findings_parquet
    convert([project.root / "station.zip"], *outs, options).source.write(project.source_json)
    return project


def run(project: Project, **options: Any) -> list[Check]:
    return list(audit(project, read_params(project.params_yaml), **options))


def leaks(checks: list[Check]) -> list[str]:
    return [check.text for check in checks if not check.ok]


def test_the_pipeline_has_no_leak_and_the_project_is_not_touched(converted: Project) -> None:
    before = {path: path.read_bytes() for path in converted.root.rglob("*") if path.is_file()}
    checks = run(converted)
    assert leaks(checks) == []
    assert [check.text.split(":")[0].split(",")[0] for check in checks] == [
        "statistics of the train rows",
        "climatology",
        "inputs of 534 forecasts (train)",  # 600 rows - 11 x 6: as many starts have their inputs
        "inputs of 84 forecasts (validation",  # from row 600 + 66 to row 749
        "inputs of 234 forecasts (validation",  # to row 899
        "inputs of 234 forecasts (validation",
        "inputs of 84 forecasts (test",  # from row 900 + 66 to row 1049
    ]
    after = {path: path.read_bytes() for path in converted.root.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before


def statistics_over_all_rows(climate: Climate, fractions: SplitFractions) -> Statistics:
    everything = train_statistics(climate, SplitFractions(train=1.0, validation=0.0))
    return train_statistics(climate, fractions).model_copy(update={"columns": everything.columns})


def test_a_climatology_of_all_rows_is_found(
    converted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_all_rows(splits: Any, timestamps: np.ndarray, _: range) -> Any:
        return fitted_baselines(splits, timestamps, range(len(timestamps)))

    monkeypatch.setattr("jena_etl.commands.audit.fitted_baselines", of_all_rows)
    (found,) = leaks(run(converted))
    assert found.startswith("climatology: differs in validation, test after the 600 rows")


def with_feature(column: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """Features whose first column is made from the target's."""

    def features(climate: Climate, statistics: Statistics) -> np.ndarray:
        found = normalised_features(climate, statistics)
        found[:, 0] = column(found[:, list(climate.columns).index("T (degC)")])
        return found

    return features


def rolling_mean(values: np.ndarray, *, later: int) -> np.ndarray:
    """The mean of the row, of the rows before it and of `later` rows after it, five in all."""
    padded = np.concatenate([np.repeat(values[0], 4 - later), values, np.repeat(values[-1], later)])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 5).mean(axis=1))


def test_statistics_over_all_rows_are_found(
    converted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.statistics.train_statistics", statistics_over_all_rows)
    found = leaks(run(converted))
    assert found[0].startswith("statistics of the train rows: differ in p (mbar), T (degC), ")
    assert found[1].startswith("inputs of 534 forecasts (train): differ in 534,")
    assert len(found) == 6


def test_a_centred_rolling_mean_is_found(
    converted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    centred = with_feature(lambda values: rolling_mean(values, later=2))
    monkeypatch.setattr("pipeline.arrays.normalised_features", centred)
    found = leaks(run(converted))
    # It reads two rows ahead: the last two windows of the train rows and before each of the cuts,
    # except where these windows are of the split before.
    assert [text.partition(": ")[2].partition(", the")[0] for text in found] == ["differ in 2"] * 4
    assert all("in p (mbar) after" in text for text in found)


def test_a_rolling_mean_of_the_past_is_no_leak(
    converted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = with_feature(lambda values: rolling_mean(values, later=0))
    monkeypatch.setattr("pipeline.arrays.normalised_features", past)
    assert leaks(run(converted)) == []


def with_features(project: Project) -> Params:
    """The project's params, with every kind of feature."""
    params = read_params(project.params_yaml)
    return params.model_copy(update={"features": features_of(*EVERY_KIND)})


def test_features_are_of_the_past(converted: Project) -> None:
    checks = list(audit(converted, with_features(converted)))
    assert leaks(checks) == []
    assert len(checks) == 7


def test_a_feature_that_looks_ahead_is_found(
    converted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rolling mean over 12 rows, with 5 of them after the row itself."""
    name = "T rolling mean over 12 rows (degC)"

    def centred(features: Any, columns: Any, timestamps: np.ndarray) -> dict[str, np.ndarray]:
        mean = pl.Series(columns["T (degC)"]).rolling_mean(12, min_samples=1, center=True)
        return compute_features(features, columns, timestamps) | {name: mean.to_numpy()}

    monkeypatch.setattr("pipeline.features.compute_features", centred)
    found = leaks(list(audit(converted, with_features(converted))))
    assert found[0].startswith(f"statistics of the train rows: differ in {name} after")
    # The 534 train windows are normalised with statistics that have changed.
    differ = [text.partition(": ")[2].partition(", the")[0] for text in found[1:]]
    assert differ == ["differ in 534", *["differ in 5"] * 3]
    assert all(f"in {name} after" in text for text in found)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_target_among_the_features_is_found(
    converted: Project, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The target itself is four steps ahead; a step ahead is what a shift by one too many gives."""
    shifted = with_feature(lambda values: np.roll(values, -steps * RATE))
    monkeypatch.setattr("pipeline.arrays.normalised_features", shifted)
    found = leaks(run(converted))
    assert [text.partition(": ")[2].partition(", the")[0] for text in found] == [
        f"differ in {steps * RATE}"
    ] * 4


def test_weights_may_depend_on_train_targets_and_on_nothing_later(converted: Project) -> None:
    """Under policy reference the targets reach 24 rows beyond the train rows."""

    def of_targets(project: Project, _: Params, name: str) -> list[np.ndarray]:
        assert name == "dense"
        windows = project.series_windows("train")
        return [windows.targets[windows.target_rows()], np.zeros(1)]

    def of_validation(project: Project, *_: Any) -> list[np.ndarray]:
        return [np.zeros(1), project.series_windows("validation").targets.mean(keepdims=True)]

    (*_, ok), (*_, leak) = (run(converted, train=train) for train in (of_targets, of_validation))
    assert ok.ok
    assert "lies 24 rows after the train rows" in ok.text
    assert not leak.ok
    assert leak.text.startswith("weights of dense after an epoch: 1 of 2 differ after the 576 rows")


def test_a_stage_that_is_added_is_audited(converted: Project, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(converted.root, root)
    stages_now = ["features", "statistics", "arrays", "splits"]
    assert list(preparing_stages(Project(root))) == stages_now
    stages = YAML(typ="safe").load(root / "dvc.yaml")
    declared, out = stages["stages"], "data/interim/smooth.parquet"
    declared["smooth"] = {"deps": ["data/interim/climate.parquet"], "outs": [{out: {}}]}
    for name in ("statistics", "splits", "arrays"):
        deps = declared[name]["deps"]
        declared[name]["deps"] = [out, *(d for d in deps if not d.endswith("climate.parquet"))]
    YAML().dump(stages, root / "dvc.yaml")
    with pytest.raises(ProjectError, match=r"stage smooth .* from pipeline/smooth.py"):
        preparing_stages(Project(root))


def test_every_later_measurement_is_replaced(converted: Project, tmp_path: Path) -> None:
    path = Path(shutil.copy(converted.climate_parquet, tmp_path))
    before = read_climate(path)
    replace_rows(path, 700)
    after = read_climate(path)
    assert (after.timestamps == before.timestamps).all()
    for name, values in before.columns.items():
        moved = after.columns[name] - values
        assert not moved[:700].any()
        assert np.abs(moved[700:]).min() >= 0.99 * values.std()
        assert (np.sign(moved[700:702]) == [1, -1]).all()


def test_a_leak_exits_with_1(converted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["audit", "--no-weights", str(converted.root)]
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 7)
    assert all(line.startswith("ok    ") for line in done.stdout.splitlines())
    monkeypatch.setattr("pipeline.statistics.train_statistics", statistics_over_all_rows)
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 1
    assert [check["ok"] for check in json.loads(done.stdout)] == [False, True, *[False] * 5]


def test_a_series_that_is_not_converted(converted: Project, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(converted.root, root)
    Project(root).findings_parquet.unlink()
    with pytest.raises(ProjectError, match="not built yet; build it: dvc repro convert"):
        run(Project(root))
