"""`jena-etl forecast` in a reproduced repository gives what the train stage has forecast."""

from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest


def test_the_command_forecasts_what_the_train_stage_has_forecast(built: Any) -> None:
    stage = pq.read_table(built.root / "data/predictions/lstm.parquet").to_pylist()
    expected = next(row for row in stage[200:] if row["split"] == "validation")
    output = built.run(
        *("jena-etl", "forecast", "--json", "--model", "lstm", "--at", str(expected["issued"])),
        cwd="reports",  # any folder of the project
    )
    found = json.loads(output[output.index("{\n") :])  # after TensorFlow's notes
    assert found["forecast"] == pytest.approx(expected["prediction"], abs=1e-3)
    assert found["observed"] == pytest.approx(expected["truth"])
    assert found["timestamp"] == expected["timestamp"].isoformat()
    assert (found["split"], found["unit"]) == ("validation", "degC")
