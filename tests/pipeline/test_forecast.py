"""What a trained model forecasts later is what the train stage has forecast."""

from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest

# One process, since TensorFlow takes seconds to start: the command, then every window of the
# project's own source file as `jena-etl score` reads a newer export.
SCRIPT = """
import json, sys
from pathlib import Path
from jena_etl.cli import app
app(sys.argv[1:], standalone_mode=False)

from jena_etl.forecasting.scoring import scorable_windows
from jena_etl.forecasting.series import exported_series
from jena_etl.params import read_params
from jena_etl.project import open_project
project = open_project("..")
forecaster = project.forecaster(sys.argv[sys.argv.index("--model") + 1])
options = read_params(project.params_yaml).convert
series = exported_series(project.root / "station.zip", options, forecaster.metadata)
windows, _ = scorable_windows(series, forecaster.metadata)
issued = series.climate.timestamps[windows.issued_rows()].astype(str).tolist()
print(json.dumps(dict(zip(issued, forecaster.forecast_windows(windows).tolist()))))
"""


def test_later_forecasts_are_those_of_the_train_stage(built: Any) -> None:
    check_later_forecasts(built, "lstm")


def check_later_forecasts(built: Any, name: str) -> None:
    """What the model of a built repository forecasts later is what its train stage has forecast."""
    stage = pq.read_table(built.root / f"data/predictions/{name}.parquet").to_pylist()
    expected = next(row for row in stage[200:] if row["split"] == "validation")
    arguments = ("forecast", "--json", "--model", name, "--at", str(expected["issued"]))
    output = built.run("python", "-c", SCRIPT, *arguments, cwd="reports")  # any folder of it
    command, _, windows = output[output.index("{\n") :].rpartition(
        "\n{"
    )  # after TensorFlow's notes
    found = json.loads(command)
    assert found["forecast"] == pytest.approx(expected["prediction"], abs=1e-3)
    assert found["observed"] == pytest.approx(expected["observation"])
    assert found["timestamp"] == expected["timestamp"].isoformat()
    assert (found["split"], found["unit"]) == ("validation", "degC")
    off = sorted(p["observation"] - p["prediction"] for p in stage if p["split"] == "validation")
    rank = (len(off) + 1) // 10  # from either end
    for quantile, expected_offset in (("q10", off[rank - 1]), ("q90", off[-rank])):
        ahead = found["quantiles"][quantile] - found["forecast"]
        assert ahead == pytest.approx(expected_offset, abs=1e-4)

    forecasts = json.loads("{" + windows)
    assert len(forecasts) > len(stage)  # the train windows, too
    for row in stage:
        assert forecasts[row["issued"].isoformat()] == pytest.approx(row["prediction"], abs=1e-3)
