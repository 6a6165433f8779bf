"""splits.json and statistics.json are refused where a field contradicts another one, or sense."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jena_etl.errors import ProjectError
from jena_etl.prepare.outputs import Splits, Statistics

STATISTICS: dict[str, Any] = {
    "climate_sha256": "c" * 64,
    "rows": [0, 50],
    "columns": {"T (degC)": {"mean": 9.5, "std": 8.25}},
    "constant": [],
}


def split(rows: list[int], *starts: list[int]) -> dict[str, Any]:
    windows = sum(len(range(*run)) for run in starts)
    ends = {"first": "2009-01-01T00:10:00", "last": "2009-01-01T08:20:00"}
    return {"rows": rows, **ends, "windows": windows, "left_out": 0, "starts": list(starts)}


def splits() -> dict[str, Any]:
    return {
        "climate_sha256": "c" * 64,
        "rows": 100,
        "policy": "strict",
        "gaps": "drop",
        "target": "T (degC)",
        "window": {"sequence_length": 3, "sampling_rate": 2, "horizon": 1, "sequence_stride": 1},
        "splits": {
            "train": split([0, 50], [0, 10, 1], [20, 44, 2]),
            "validation": split([50, 75], [50, 69, 1]),
            "test": split([75, 100], [75, 94, 1]),
        },
        "choices": [
            {
                "policy": "strict",
                "gaps": "keep",
                "windows": {"train": 44, "validation": 19, "test": 19},
            }
        ],
    }


def test_what_is_right_is_read(tmp_path: Path) -> None:
    (tmp_path / "splits.json").write_text(json.dumps(splits()))
    read = Splits.read(tmp_path / "splits.json")
    assert read.splits.train.starts == (range(10), range(20, 44, 2))
    assert read.splits["test"].rows == range(75, 100)
    assert [name for name, _ in read.splits.items()] == ["train", "validation", "test"]


def change(part: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["splits"][part].update(values)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            change("train", starts=[[43, -1, -1]], windows=44),
            "splits.train.starts.0: rows should ascend from 0 or later in steps of",
        ),
        (
            change("train", starts=[[0, 10, 1], [9, 43, 1]], windows=44),
            "splits: windows that start in rows 0 to 9 overlap with those from row 9",
        ),
        (
            change("validation", starts=[[42, 61, 1]]),
            "splits: windows that start in rows 20 to 42 overlap with those from row 42",
        ),
        (
            change("test", starts=[[175, 194, 1]]),
            "splits: a window starts in row 193, of 100",
        ),
        (change("test", windows=20), "splits.test: windows is 20, but starts holds 19"),
        (
            change("validation", rows=[49, 75]),
            "splits: the rows of validation start at 49, expected 50",
        ),
        (change("test", rows=[75, 99]), "splits: the rows of test end at 99, expected 100"),
        (lambda c: c["splits"].pop("test"), "splits.test is missing"),
        (lambda c: c["window"].update(sampling_rate=0), "window.sampling_rate: Input should be"),
        (lambda c: c.update(rows="100"), "rows: Input should be a valid integer, found '100'"),
        (lambda c: c.update(choices=None), "choices: Input should be a valid"),
    ],
)
def test_splits(tmp_path: Path, damage: Callable[[dict[str, Any]], object], message: str) -> None:
    content = splits()
    damage(content)
    (tmp_path / "splits.json").write_text(json.dumps(content))
    with pytest.raises(ProjectError) as caught:
        Splits.read(tmp_path / "splits.json")
    assert message.removeprefix("splits: ") in str(caught.value)
    assert str(caught.value).endswith("; build it again: dvc repro -f splits")


@pytest.mark.parametrize("std", ["NaN", "Infinity", "0", "0.0", "-8.25", "null", '"8.25"'])
def test_statistics(tmp_path: Path, std: str) -> None:
    text = json.dumps(STATISTICS)
    (tmp_path / "statistics.json").write_text(text)
    assert Statistics.read(tmp_path / "statistics.json").columns["T (degC)"].std == 8.25
    (tmp_path / "statistics.json").write_text(text.replace("8.25", std))
    with pytest.raises(ProjectError) as caught:
        Statistics.read(tmp_path / "statistics.json")
    assert "columns.T (degC).std: Input should be" in str(caught.value)
    assert str(caught.value).endswith("; build it again: dvc repro -f statistics")
