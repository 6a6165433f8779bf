"""Features from params.yaml to the leaderboard; without any, each output is as it was before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.prepare.climate import read_climate
from jena_etl.project import open_project
from jena_etl.training.model_file import read_metadata
from tests.pipeline.test_forecast import check_later_forecasts

FEATURES: list[dict[str, Any]] = [
    {"kind": "time_of_day"},
    {"kind": "wind_vector"},
    {"kind": "rolling_mean", "column": "T (degC)", "rows": 12},
    {"kind": "pressure_tendency"},
]
NAMES = (
    "time of day, sine",
    "time of day, cosine",
    "wv eastward (m/s)",
    "wv northward (m/s)",
    "T rolling mean over 12 rows (degC)",
    "p tendency over 18 rows (mbar)",
)


def test_without_features_outputs_are_those_of_the_measurements(built: Any) -> None:
    project = open_project(built.root)
    assert pq.read_schema(project.features_parquet).names == ["timestamp"]
    climate = read_climate(project.climate_parquet)
    assert project.statistics.climate_sha256 == climate.sha256
    assert project.arrays.columns == tuple(climate.columns)
    assert "features" not in built.json("data/processed/arrays.json")
    assert "features" not in read_metadata(project.model_file("dense")).model_dump()


@pytest.mark.nightly
def test_from_params_to_the_leaderboard(repo: Any) -> None:
    repo.edit(lambda params: params.update(features=FEATURES, architectures=["dense"]))
    before = repo.json("reports/data_card.json")
    ran = repo.stages_run(repo.dvc("repro"))
    assert ran[:3] == ["check", "features", "statistics"]
    assert set(ran[3:]) == {"splits", "arrays", "baseline", "train@dense", "evaluate", "report"}
    assert repo.stages_run(repo.dvc("repro")) == []
    card = repo.json("reports/data_card.json")
    # It describes the measurements; the windows of a strict split begin later by 18 rows.
    lost = {"train": 0, "validation": 18, "test": 18}
    for split, windows in before["presets"]["clean"]["windows"].items():
        assert card["presets"]["clean"]["windows"][split] == windows - lost[split]
    assert {**card, "presets": None} == {**before, "presets": None}

    project = open_project(repo.root)
    assert project.arrays.columns[-6:] == NAMES
    assert project.arrays.units[-6:] == ("", "", "m/s", "m/s", "degC", "mbar")
    inputs, _ = next(iter(project.batches("validation", 8)))
    assert inputs.shape == (8, 12, 20)
    expected_sines(project.root, inputs)

    found = read_metadata(project.model_file("dense"))
    assert [feature.kind for feature in found.features] == [block["kind"] for block in FEATURES]
    assert (found.history, found.rows) == (18, 18 + 6 * 11 + 1)
    check_later_forecasts(repo, "dense")
    assert "dense" in {row["architecture"] for row in read_leaderboard(project.leaderboard_csv)}
    text = (repo.root / "reports/MODEL_CARD.md").read_text()
    assert "12 steps of 14 measured columns and 6 columns computed from them" in text
    assert "| p tendency over 18 rows (mbar) | mbar |" in text
    assert "LEAK" not in repo.jena_etl("audit", "--no-weights")


def expected_sines(root: Path, inputs: np.ndarray) -> None:
    """The sine of the time of day, in its place among the inputs and normalised."""
    project = open_project(root)
    windows = project.series_windows("validation")
    steps = windows.issued_rows()[:8, np.newaxis] - 6 * np.arange(11, -1, -1)
    seconds = project.timestamps.astype(np.int64)[steps] % 86_400
    column = project.statistics.columns[NAMES[0]]
    expected = (np.sin(2 * np.pi * seconds / 86_400) - column.mean) / column.std
    np.testing.assert_allclose(inputs[:, :, 14], expected, atol=1e-5)


@pytest.mark.slow
def test_a_feature_that_cannot_be_computed_is_refused_before_any_other_stage(repo: Any) -> None:
    wrong = {"kind": "difference", "column": "T (degF)", "rows": 6}
    repo.edit(lambda params: params.update(features=[wrong]))
    output = repo.dvc("repro", fails=True)
    assert "features.difference.column: 'T (degF)' is not one of convert.columns" in output
    assert "features" not in repo.stages_run(output)
