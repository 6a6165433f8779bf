"""A model scored on a later export: each figure is worked out again, window by window."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from jena_etl.cli import app
from jena_etl.errors import DataError
from jena_etl.evaluation import leaderboard
from jena_etl.evaluation.prediction_intervals import conformal_quantiles
from jena_etl.forecasting.forecaster import Forecaster
from jena_etl.prepare.outputs import BySplit, SplitRange, Splits, WindowShape
from jena_etl.project import Project
from tests.forecasting.models import COLUMNS, metadata, with_features, write_model_file

DAYS, A_DAY = 70, 144
ROWS = DAYS * A_DAY
READ = (0, 2, 4)  # the rows of a window, from its start
TARGET = 8
HEADER = "Date Time," + ",".join(COLUMNS)


class Cooling:
    """A model that forecasts 1 degC less than now."""

    def predict_on_batch(self, windows: np.ndarray) -> np.ndarray:
        return windows[:, -1:, 1] * 4 + 10 - 1


def temperature(row: int) -> float:
    return round(10 + 5 * math.sin(2 * math.pi * row / A_DAY) + math.cos(row / 700), 2)


def export(
    path: Path, rows: int = ROWS, *, step: int = 10, columns: int = 3, **cells: Mapping[int, object]
) -> Path:
    """Write an export; `cells` replaces those of p, T or rh in some rows, `time` the timestamps."""
    clock = np.datetime64("2017-03-01T00:00") + np.arange(rows) * np.timedelta64(step, "m")
    lines = [",".join(HEADER.split(",")[: columns + 1])]
    for row in range(rows):
        values = [
            cells.get("p", {}).get(row, 1000.0 if row % 2 else 985.0),
            cells.get("T", {}).get(row, temperature(row)),
            cells.get("rh", {}).get(row, 50 + row % 50),
        ]
        time = cells.get("time", {}).get(row, clock[row].item())
        lines.append(",".join([f"{time:%d.%m.%Y %H:%M:%S}", *map(str, values[:columns])]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def project(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that holds a params.yaml, a leaderboard and a model `dense`, and nothing else."""
    project = Project(tmp_path)
    params = YAML().load(checkout / "params.yaml")
    params["convert"].update(columns=list(COLUMNS), members=None)
    YAML().dump(params, project.params_yaml)
    write_model_file(project.model_file("dense"), metadata())
    row = dict.fromkeys(leaderboard.COLUMNS, "")
    row |= {"rank": "1", "architecture": "dense", "kind": "model"}
    row |= {"test_mae": "1.5", "test_mae_low": "1.25", "test_mae_high": "2.0"}
    project.leaderboard_csv.parent.mkdir()
    project.leaderboard_csv.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    residuals = conformal_quantiles(np.arange(99) / 50 + 0.005, None)  # its ends: 0.185, 1.785
    model = Forecaster(metadata(), Cooling(), residuals)
    monkeypatch.setattr(Project, "forecaster", lambda *_: model)
    monkeypatch.setattr("jena_etl.commands.score.use_device", lambda *_, **__: "cpu")
    monkeypatch.chdir(tmp_path)
    return project


def run(*arguments: object) -> tuple[dict[str, Any], str]:
    """The object that --json prints, and what went to stderr."""
    done = CliRunner().invoke(app, ["score", "--json", *map(str, arguments)])
    if done.exception:
        raise done.exception
    return json.loads(done.stdout), done.stderr


def test_every_window_is_scored(project: Project) -> None:
    found, err = run(export(project.root / "new.csv"), "--model", "dense")
    now, then = np.array(
        [(temperature(s + READ[-1]), temperature(s + TARGET)) for s in range(ROWS - TARGET)]
    ).T
    assert found["windows"] == ROWS - TARGET
    assert found["left_out"] == {"irregular": 0, "unmeasured_input": 0, "unmeasured_target": 0}
    assert (found["first"], found["last"]) == ("2017-03-01T00:40:00", "2017-05-09T23:10:00")
    mae, naive = np.abs(now - 1 - then).mean(), np.abs(now - then).mean()
    assert found["forecast"]["mae"] == pytest.approx(mae, rel=1e-5)
    assert found["naive"]["mae"] == pytest.approx(naive, rel=1e-5)
    assert found["skill"] == pytest.approx(1 - mae / naive, rel=1e-5)
    assert found["bias"] == pytest.approx((now - 1 - then).mean(), rel=1e-4)
    off = then - (now - 1)
    assert found["coverage"] == pytest.approx(((off > 0.185) & (off < 1.785)).mean())
    assert found["forecast"]["low"] <= mae <= found["forecast"]["high"]
    assert found["against_naive"] == "worse"
    assert found["test"] == {"mae": 1.5, "low": 1.25, "high": 2.0}
    assert (found["model"], found["unit"], found["source"]) == ("dense", "degC", "new.csv")
    assert (found["warnings"], err) == ([], "")


def test_what_was_not_measured_is_left_out(project: Project) -> None:
    """A hole of an hour before row 1000, a sentinel in p and one in T, far from each other."""
    late = np.datetime64("2017-03-01T00:00") + np.timedelta64(10_050, "m")
    times = {
        row: (late + np.timedelta64(10 * (row - 1000), "m")).item() for row in range(1000, ROWS)
    }
    cells: dict[str, Any] = {
        "time": times, "p": {3000: -9999.0}, "T": {5001: -9999.0}
    }  # fmt: skip
    found, err = run(export(project.root / "new.csv", **cells))
    starts = range(ROWS - TARGET)
    irregular = [s for s in starts if s < 1000 <= s + TARGET]
    blind = [s for s in starts if {s + k for k in READ} & {3000, 5001}]
    unknown = [s for s in starts if s + TARGET == 5001 and s not in blind]
    assert found["left_out"] == {
        "irregular": len(irregular),
        "unmeasured_input": len(blind),
        "unmeasured_target": len(unknown),
    }
    assert (len(irregular), len(blind), len(unknown)) == (8, 6, 1)
    assert found["windows"] == len(starts) - 15
    kept = [s for s in starts if s not in {*irregular, *blind, *unknown}]
    naive = np.mean([abs(temperature(s + READ[-1]) - temperature(s + TARGET)) for s in kept])
    assert found["naive"]["mae"] == pytest.approx(naive, rel=1e-5)
    assert found["columns"]["p (mbar)"]["sentinel"] == 1
    assert found["columns"]["T (degC)"]["missing"] == 0
    assert "warning: p (mbar), sentinel: 1" in err


def test_columns_are_compared_with_the_train_rows(project: Project) -> None:
    """Those of p: mean 990, standard deviation 10; here it is 985 and 1000 in turn, or in Pa."""
    found, _ = run(export(project.root / "new.csv", ROWS))
    like = found["columns"]["p (mbar)"]
    assert (like["min"], like["mean"], like["max"]) == pytest.approx((-0.5, 0.25, 1.0))
    assert like["spread"] == pytest.approx(0.75)
    pascal = {row: 98_500.0 + 1_500.0 * (row % 2) for row in range(ROWS)}
    found, err = run(export(project.root / "pascal.csv", p=pascal))
    mean = (98_500 + 750 - 990) / 10
    assert found["columns"]["p (mbar)"]["mean"] == pytest.approx(mean)
    assert f"p (mbar): its mean is +{mean:.1f} standard deviations of the train rows" in err
    assert "p (mbar): its standard deviation is 75 times that of the train rows" in err
    assert "rh (%)" not in err


def test_an_export_of_a_few_days_has_no_interval(project: Project) -> None:
    found, _ = run(export(project.root / "new.csv", 20 * A_DAY))
    assert found["forecast"]["low"] is None
    assert found["against_naive"] == "unknown"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 2}, r"rh \(%\).*; dense reads that column"),
        ({"step": 60}, "are 3600 seconds apart, those that dense was trained on 600"),
        ({"rows": 8}, "has no window that can be scored: dense needs 9 rows .* found 8 rows"),
        ({"T": dict.fromkeys(range(1, 3_200), -9999.0)}, "out: 3,192 with an input that was not"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    project: Project, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        run(export(project.root / "new.csv", **({"rows": 3_200} | options)))


def test_forecasts_of_what_was_learnt_are_not_a_test(project: Project) -> None:
    part = SplitRange(
        rows=range(9), first="2017-03-01T00:00:00", last="2017-03-02T00:00:00", windows=0,
        left_out=0, starts=(),
    )  # fmt: skip
    others = {
        name: part.model_copy(update={"rows": rows})
        for name, rows in (("validation", range(9, 10)), ("test", range(10, 11)))
    }
    Splits(
        climate_sha256=metadata().climate_sha256,
        rows=11,
        policy="reference",
        gaps="keep",
        target="T (degC)",
        window=WindowShape(sequence_length=3, sampling_rate=2, horizon=2, sequence_stride=1),
        splits=BySplit[SplitRange](train=part, **others),
        choices=(),
    ).write(project.splits_json)
    _, err = run(export(project.root / "new.csv", 1000))
    assert "the model has learnt from measurements up to 2017-03-02 00:00" in err


def test_a_model_whose_errors_are_not_known_has_no_coverage(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsure = Forecaster(metadata(), Cooling())
    monkeypatch.setattr(Project, "forecaster", lambda *_: unsure)
    assert run(export(project.root / "new.csv", 100))[0]["coverage"] is None


def test_in_words(project: Project) -> None:
    new = export(project.root / "new.csv", p={3000: -9999.0})
    project.leaderboard_csv.write_text(project.leaderboard_csv.read_text().replace("2.0", ""))
    done = CliRunner().invoke(app, ["score", str(new)])
    lines = done.stdout.splitlines()
    assert lines[0] == "T (degC), 10,069 forecasts issued 2017-03-01 00:40 to 2017-05-09 23:10"
    assert lines[1] == "  from new.csv, by dense"
    assert lines[3] == "  MAE, with its 95% interval, degC"
    assert lines[6] == "  test split  1.500"
    assert "worse than the naive forecast" in lines[8]
    assert lines[9].startswith("  the 80% prediction interval holds ")
    assert lines[10] == "  windows left out: 3 with an input that was not measured"
    assert lines[14].split() == ["p", "(mbar)", "-0.50", "+0.25", "+1.00", "0.75", "0", "1", "0"]


def test_features_are_computed_and_what_they_cannot_be_computed_from_is_left_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model adds the change over 5 rows; the cases of the test above."""

    class Trend:
        def predict_on_batch(self, windows: np.ndarray) -> np.ndarray:
            return np.asarray(windows[:, -1:, 1] * 4 + 10 + windows[:, -1:, 3])

    found = metadata(**with_features({"kind": "difference", "column": "T (degC)", "rows": 5}))
    write_model_file(project.model_file("dense"), found)
    monkeypatch.setattr(Project, "forecaster", lambda *_: Forecaster(found, Trend()))
    late = np.datetime64("2017-03-01T00:00") + np.timedelta64(10_050, "m")
    times = {
        row: (late + np.timedelta64(10 * (row - 1000), "m")).item() for row in range(1000, ROWS)
    }
    cells: dict[str, Any] = {
        "time": times, "p": {3000: -9999.0}, "T": {5001: -9999.0}
    }  # fmt: skip
    shown, _ = run(export(project.root / "new.csv", **cells))
    starts = range(5, ROWS - TARGET)
    irregular = [s for s in starts if s - 5 < 1000 <= s + TARGET]
    blind = [
        s
        for s in starts
        if 3000 in {s + k for k in READ} or 5001 in {s + k - b for k in READ for b in (0, 5)}
    ]
    unknown = [s for s in starts if s + TARGET == 5001 and s not in blind]
    assert shown["left_out"] == {
        "irregular": len(irregular),
        "unmeasured_input": len(blind),
        "unmeasured_target": len(unknown),
    }
    kept = [s for s in starts if s not in {*irregular, *blind, *unknown}]
    errors = [
        2 * temperature(s + READ[-1]) - temperature(s + READ[-1] - 5) - temperature(s + TARGET)
        for s in kept
    ]
    assert shown["windows"] == len(kept)
    assert shown["forecast"]["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    assert list(shown["columns"]) == list(COLUMNS)
