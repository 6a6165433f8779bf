"""What `jena-etl export` says about the file that it has written."""

from __future__ import annotations

from pathlib import Path

import pytest

from jena_etl.commands import export as command
from jena_etl.forecasting.forecaster import Forecaster
from jena_etl.project import Project
from tests.forecasting.models import forecaster, with_features


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (forecaster(), "(windows, 3, 3) in their units, oldest first -> forecast (windows, 1), T "),
        (
            forecaster(**with_features({"kind": "time_of_day"})),
            "compute the last 2 columns from the measurements: time of day, sine; time of day, co",
        ),
    ],
)
def test_what_whoever_uses_the_file_has_to_compute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Forecaster, end: str
) -> None:
    monkeypatch.setattr(command, "check_packages", lambda: None)
    monkeypatch.setattr(command, "use_device", lambda *_, **__: "cpu")
    monkeypatch.setattr(command, "export_onnx", lambda _, out: out.write_bytes(b"onnx"))
    monkeypatch.setattr(Project, "forecaster", lambda *_: found)
    said = command.export(Project(tmp_path), "dense", tmp_path / "dense.onnx", replace=False)
    assert end in said
    assert ("docs/features.md" in said) == bool(found.metadata.features)
