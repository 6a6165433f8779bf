"""A real `dvc repro` on a small synthetic file: what is built, and what reruns when."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.project import open_project


def test_every_output_is_there(built: Any) -> None:
    root = built.root
    assert sorted(p.name for p in (root / "models").iterdir()) == ["dense.keras", "lstm.keras"]
    metrics = {p.stem for p in (root / "reports/metrics").iterdir()}
    assert metrics == {"dense", "lstm", *BASELINES}
    assert not list(root.rglob("*.part"))
    best = best_model(root)
    assert (root / "data/best_model.keras").read_bytes() == best.read_bytes()
    assert f"# Model card: {best.stem}\n" in (root / "reports/MODEL_CARD.md").read_text()
    assert "synthetic" in (root / "reports/leaderboard.md").read_text()


def best_model(root: Path) -> Path:
    """The model with the lowest MAE on the validation split."""
    with (root / "reports/leaderboard.csv").open() as file:
        mae = {row["architecture"]: float(row["validation_mae"]) for row in csv.DictReader(file)}
    for baseline in BASELINES:
        del mae[baseline]
    return root / f"models/{min(mae, key=lambda name: mae[name])}.keras"


def test_a_second_repro_runs_nothing_and_keeps_the_lock(repo: Any) -> None:
    before = (repo.root / "dvc.lock").read_bytes()
    assert repo.stages_run(repo.dvc("repro")) == []
    assert (repo.root / "dvc.lock").read_bytes() == before


@pytest.mark.nightly
def test_a_model_off_the_list_leaves_the_leaderboard(repo: Any, tmp_path: Path) -> None:
    """What evaluate depends on is what `dvc pull` brings: the model that is left over is not."""
    assert best_model(repo.root).stem == "lstm"
    model = (repo.root / "models/lstm.keras").read_bytes()
    repo.edit(lambda params: params["architectures"].remove("lstm"))
    output = repo.dvc("repro")
    assert repo.stages_run(output) == ["check", "evaluate", "report"]
    with (repo.root / "reports/leaderboard.csv").open() as file:
        assert {row["architecture"] for row in csv.DictReader(file)} == {"dense", *BASELINES}
    assert "lstm" not in (repo.root / "reports/leaderboard.md").read_text()
    dense = (repo.root / "models/dense.keras").read_bytes()
    assert (repo.root / "data/best_model.keras").read_bytes() == dense
    assert "lstm" not in (repo.root / "reports/MODEL_CARD.md").read_text()
    metrics = {path.stem for path in (repo.root / "reports/metrics").iterdir()}
    assert metrics == {"dense", *BASELINES}
    assert "models/lstm.keras: not listed in params.yaml; moved to unlisted/models/" in output
    assert (repo.root / "unlisted/models/lstm.keras").read_bytes() == model
    assert not (repo.root / "data/predictions/lstm.parquet").exists()
    assert (repo.root / "data/predictions/naive.parquet").exists()

    # A colleague is up to date.
    repo.dvc("remote", "add", "-d", "team", str(tmp_path / "remote"))
    repo.commit("without lstm")
    repo.dvc("push")
    clone = repo.clone(tmp_path / "clone")
    clone.dvc("pull")
    assert "Data and pipelines are up to date" in clone.dvc("status")

    # On the list again, it comes from DVC's cache.
    repo.edit(lambda params: params["architectures"].append("lstm"))
    assert "train@lstm" not in repo.stages_run(repo.dvc("repro"))
    assert (repo.root / "models/lstm.keras").read_bytes() == model


def test_scores_follow_from_the_predictions(built: Any) -> None:
    project = open_project(built.root)
    ranked = {row["architecture"]: row for row in read_leaderboard(project.leaderboard_csv)}
    rows = pq.read_table(project.climate_parquet).to_pydict()
    at = {timestamp: row for row, timestamp in enumerate(rows["Date Time"])}
    for name in ("dense", "lstm"):
        predictions = pq.read_table(project.predictions_parquet(name)).to_pylist()
        for split in ("validation", "test"):
            scores = {
                score: float(ranked[name][f"{split}_{score}"])
                for score in ("mae", "rmse", "bias", "skill")
            }
            assert built.json(f"reports/metrics/{name}.json")[f"{split}_mae"] == scores["mae"]
            mine = [p for p in predictions if p["split"] == split]
            assert len(mine) == len(project.windows(split)) == len({p["issued"] for p in mine})
            errors = [p["prediction"] - p["observation"] for p in mine]
            naive = [rows["T (degC)"][at[p["issued"]]] - p["observation"] for p in mine]
            mae = math.fsum(map(abs, errors)) / len(errors)
            assert math.isclose(scores["mae"], mae, rel_tol=1e-5)
            assert math.isclose(scores["bias"], math.fsum(errors) / len(errors), rel_tol=1e-4)
            rmse = math.sqrt(math.fsum(e * e for e in errors) / len(errors))
            assert math.isclose(scores["rmse"], rmse, rel_tol=1e-5)
            skill = 1 - mae / (math.fsum(map(abs, naive)) / len(naive))
            assert math.isclose(scores["skill"], skill, rel_tol=1e-4)
            for p in mine[:: len(mine) // 7]:
                assert (p["timestamp"] - p["issued"]).total_seconds() == 24 * 3600
                assert math.isclose(
                    p["observation"], rows["T (degC)"][at[p["timestamp"]]], rel_tol=1e-6
                )


def test_batches_equal_the_reference_loader(built: Any) -> None:
    """First, middle and last batch of each split: Keras' loader fed as the reference does."""
    import keras

    project = open_project(built.root)
    table = pq.read_table(project.climate_parquet).to_pydict()
    temperature = np.array(table.pop("T (degC)"))
    table.pop("Date Time")
    columns = list(project.statistics.columns)
    raw = np.stack(
        [temperature if c == "T (degC)" else np.array(table[c]) for c in columns], axis=1
    )
    train_rows = int(0.5 * len(raw))
    validation_rows = int(0.25 * len(raw))
    raw -= raw[:train_rows].mean(axis=0)
    raw /= raw[:train_rows].std(axis=0)
    delay = 6 * (12 + 24 - 1)
    borders = {
        "train": (0, train_rows),
        "validation": (train_rows, train_rows + validation_rows),
        "test": (train_rows + validation_rows, None),
    }
    for split, (start, end) in borders.items():
        reference = keras.utils.timeseries_dataset_from_array(
            raw[:-delay],
            temperature[delay:],
            sequence_length=12,
            sampling_rate=6,
            batch_size=256,
            start_index=start,
            end_index=end,
        )
        expected = [(x.numpy(), y.numpy()) for x, y in reference]
        mine = [(x.numpy(), y.numpy()) for x, y in project.dataset(split)]
        assert len(mine) == len(expected)
        for at in (0, len(expected) // 2, -1):
            assert mine[at][0].dtype == mine[at][1].dtype == np.float32
            # The statistics are summed in another order; a float32 may differ in its last digit.
            np.testing.assert_allclose(
                mine[at][0], expected[at][0].astype(np.float32), rtol=1e-5, atol=1e-6
            )
            np.testing.assert_array_equal(mine[at][1], expected[at][1].astype(np.float32))


def test_metrics_and_plots_are_declared(repo: Any) -> None:
    shown = repo.dvc("metrics", "show")
    head, *rows = shown.splitlines()
    figures = "best_epoch test_mae test_skill validation_mae validation_skill"
    assert head.split() == f"Path {figures}".split()
    names = [f"reports/metrics/{name}.json" for name in sorted(["dense", "lstm", *BASELINES])]
    assert [row.split()[0] for row in rows] == names
    plots = repo.dvc("plots", "show", "--json")
    assert "reports/history/lstm.csv" in plots
    for name in ("leaderboard", "plots/forecasts", "plots/validation_curves"):
        assert f"reports/{name}.csv" in plots


def test_a_users_mistake_is_one_line(repo: Any) -> None:
    repo.edit(lambda params: params["window"].update(sequence_lenght=3))
    output = repo.run("python", "-m", "pipeline.splits", fails=True)
    assert output == (
        "error: params.yaml: window.sequence_lenght is not a key; did you mean 'sequence_length'?\n"
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda params: params.update(architectures=["dense", "lsmt"]),
            "architectures names 'lsmt', but there is no block models.lsmt; did you mean 'lstm'?",
        ),
        pytest.param(
            lambda params: params["models"]["conv1d"].update(filter=3),  # not even trained
            "models.conv1d.filter is not a key; did you mean 'filters'?",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda params: params["window"].update(horizon=0),
            "window.horizon: input should be greater than 0, found 0",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_mistake_in_params_is_said_before_anything_runs(
    repo: Any, change: Callable[[Any], None], line: str
) -> None:
    """Of a block that the first stages do not read, too, and although they are up to date."""
    repo.edit(change)
    output = repo.dvc("repro", fails=True)
    assert repo.stages_run(output) == ["check"]
    assert f"error: params.yaml: {line}\n" in output
    assert "Errno" not in output


def test_architectures_that_are_no_list_are_refused_by_dvc_in_plain_words(repo: Any) -> None:
    """DVC makes the stages of them, so that none can run before."""
    repo.edit(lambda params: params.update(architectures="lstm"))
    output = repo.dvc("repro", fails=True)
    assert "'stages.train.foreach'" in output
    assert "expected list/dictionary, got str" in output
