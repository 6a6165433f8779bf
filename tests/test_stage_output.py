"""The JSON that one stage writes for the next: what is read back, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from jena_etl.errors import ProjectError
from jena_etl.stage_output import Count, Part, Rows, StageOutput, Starts


class Column(Part):
    mean: float


class Report(StageOutput, stage="statistics"):
    rows: Rows
    starts: tuple[Starts, ...]
    columns: dict[str, Column]
    count: Count


REPORT = Report(
    rows=range(3, 9),
    starts=(range(4), range(10, 20, 5)),
    columns={"wv (m/s)": Column(mean=0.1), "T (°C)": Column(mean=-2.5)},
    count=7,
)


def test_written_and_read_again(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == REPORT
    assert list(Report.read(tmp_path / "report.json").columns) == ["wv (m/s)", "T (°C)"]
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "T (°C)" in text
    assert json.loads(text) == {
        "rows": [3, 9],
        "starts": [[0, 4, 1], [10, 20, 5]],
        "columns": {"wv (m/s)": {"mean": 0.1}, "T (°C)": {"mean": -2.5}},
        "count": 7,
    }


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        REPORT.count = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("found", "replacement", "message"),
    [
        ('"count": 7', '"count": -7', "count: Input should be greater than or equal to 0, found"),
        ('"count": 7', '"count": "7"', "count: Input should be a valid integer, found '7'"),
        ('"count": 7', '"counts": 7', "count is missing"),
        ('"count": 7', '"count": 7, "a": 1', "a: Extra inputs are not permitted, found 1"),
        ("-2.5", "NaN", "columns.T (°C).mean: Input should be a finite number, found nan"),
        ("-2.5", "1e999", "columns.T (°C).mean: Input should be a finite number, found inf"),
        ("[3, 9]", "[9, 3]", "rows: rows should ascend from 0 or later in steps"),
        ("[3, 9]", "[-3, 9]", "rows: rows should ascend from 0 or later in steps"),
        ("[3, 9]", "[3, 9.0]", "rows: input should be whole numbers"),
        ("[3, 9]", "[3, true]", "rows: input should be whole numbers"),
        ("[3, 9]", "[3]", "rows: input should be whole numbers"),
        ("[3, 9]", f"[3, {1 << 63}]", "rows: rows should ascend"),
        ("[10, 20, 5]", "[20, 10, -5]", "starts.1: rows should ascend"),
        ("[10, 20, 5]", "[10, 10, 5]", "starts.1: input should hold at least one row"),
        ("[10, 20, 5]", "[10, 20, 0]", "starts.1: rows should ascend"),
    ],
)
def test_a_field_is_refused_by_its_name(
    tmp_path: Path, found: str, replacement: str, message: str
) -> None:
    path = tmp_path / "report.json"
    text = json.dumps(REPORT.model_dump(mode="json"), ensure_ascii=False)
    assert found in text
    path.write_text(text.replace(found, replacement), encoding="utf-8")
    with pytest.raises(ProjectError) as caught:
        Report.read(path)
    head = "report.json was damaged, or another version wrote it: "
    assert str(caught.value).startswith(head + message)
    assert str(caught.value).endswith("; build it again: dvc repro -f statistics")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 99_999, b"\xff\xfe{}", b"PK\3\4"])
def test_what_is_not_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(ProjectError, match=r"^report.json was damaged: it is not JSON \(.*\); bui"):
        Report.read(tmp_path / "report.json")


def test_missing_or_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with pytest.raises(ProjectError) as caught:
        Report.read(path)
    assert str(caught.value) == "report.json is not built yet; build it: dvc repro statistics"
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=r"report.json"):
        Report.read(path)
