"""The run log is written when a run is complete, and does not undo one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jena_etl.training.run_log import logged


def test_a_line_per_run(tmp_path: Path) -> None:
    for name in ("dense", "lstm"):
        with logged(tmp_path / "logs/runs.jsonl", architecture=name) as entry:
            entry["measured"] = len(name)
    lines = [json.loads(x) for x in (tmp_path / "logs/runs.jsonl").read_text().splitlines()]
    assert [line["architecture"] for line in lines] == ["dense", "lstm"]
    assert [line["measured"] for line in lines] == [5, 4]


def test_a_log_that_cannot_be_written_does_not_undo_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    with logged(tmp_path / "logs/runs.jsonl"):
        (tmp_path / "model").touch()
    assert (tmp_path / "model").exists()
    assert capsys.readouterr().err == (
        "warning: logs/runs.jsonl cannot be written (File exists); "
        "this run will be missing from it, but its results are complete\n"
    )
