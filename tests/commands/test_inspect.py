"""How `jena-etl inspect` shows a data card: each line worked out from the card by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jena_etl.commands.inspect_text import render_inspection
from jena_etl.errors import ProjectError
from jena_etl.ingest.source import SourceDigest, SourceSummary
from jena_etl.prepare.data_card import (
    ColumnSummary,
    DataCard,
    Doubt,
    Finding,
    Gap,
    Gaps,
    Preset,
    Reading,
    Readings,
    Repeats,
    SensorWarning,
)
from jena_etl.prepare.outputs import Counts

NONE = Counts(train=0, validation=0, test=0)
NOTHING = Reading(cells=0, windows=0)
WINDOW = {
    "target": "T (degC)",
    "gaps": "keep",
    "sequence_length": 120,
    "sampling_rate": 6,
    "horizon": 24,
    "sequence_stride": 1,
    "sampled_every_seconds": 3600,
    "features_shape": [256, 120, 2],
    "targets_shape": [256],
}
CARD = DataCard(
    source=SourceSummary(
        name="station.zip",
        synthetic=False,
        files=(SourceDigest(name="station.zip", bytes=12_345, sha256="0" * 64, synthetic=False),),
        members=("a.csv",),
    ),
    rows_read=10_000,
    rows=10_000,
    first="2019-01-01T00:10:00",
    last="2019-03-11T10:40:00",
    step_seconds=600,
    holes=Gaps(
        count=5,
        longest=tuple(
            Gap(after="2019-02-01T00:00:00", seconds=hours * 3600, rows_missing=6, split="test")
            for hours in (5, 4, 3, 2)
        ),
        splits=Counts(train=1, validation=0, test=4),
    ),
    irregular=Gaps(count=0, longest=(), splits=NONE),
    repeats=Repeats(count=0, differing=0, first=None, last=None, removed=False, splits=NONE),
    columns={"T (degC)": ColumnSummary(unit="degC", min=-5, mean=1.25, max=9)},
    constant=(),
    left_out=("rain",),
    findings=(
        Finding(
            kind="frozen",
            column="wv (m/s)",
            cells=1_476,
            filled=True,
            first="2019-01-04T00:00:00",
            last="2019-01-14T05:50:00",
            splits=Readings(
                train=Reading(cells=1_476, windows=2_190), validation=NOTHING, test=NOTHING
            ),
        ),
    ),
    target_filled=NONE,
    physics=(
        Doubt(
            check="range",
            column="wv (m/s)",
            expected="0 to 75",
            cells=1,
            first="2019-02-02T00:00:00",
            splits=Counts(train=0, validation=0, test=1),
        ),
    ),
    sensors=(
        SensorWarning(
            check="far",
            column="CO2",
            found="-9999",
            expected="305.5 to 524.2",
            cells=3,
            runs=2,
            first="2019-01-04T00:00:00",
            last="2019-03-01T00:00:00",
            splits=Readings(
                train=Reading(cells=2, windows=240),
                validation=NOTHING,
                test=Reading(cells=1, windows=120),
            ),
        ),
    ),
    presets={"clean": Preset(rows=9_999, windows=Counts(train=3, validation=2, test=1))},
)


def shown(card: DataCard) -> list[str]:
    temperature = {**dict(card.columns["T (degC)"]), "train_mean": None, "train_std": 2.0}
    found = {
        "data": card,
        "columns": {"T (degC)": temperature},
        "stations": {},
        "stations_left_out": (),
        "splits": None,
        "choices": None,
        "policy": "reference",
        "window": WINDOW,
        "missing": {},
    }
    return render_inspection(found).splitlines()


def test_lines_of_a_card() -> None:
    lines = shown(CARD)
    for line in (
        "station.zip: station data",
        "  10,000 rows from 2019-01-01 00:10 to 2019-03-11 10:40, one every 10 minutes",
        "    holes 5        5 hours after 2019-02-01 00:00, test",
        "                   4 hours after 2019-02-01 00:00, test",
        "                   3 hours after 2019-02-01 00:00, test",
        "                   by split: train 1, test 4",
        "    left out       rain",
        "  wv (m/s): 1 outside 0 to 75, first 2019-02-02 00:00; test 1",
    ):
        assert line in lines
    assert not any("2 hours" in line or "irregular" in line for line in lines)


def test_sensors_in_doubt_have_a_table_of_their_own() -> None:
    """A warning is told once; each split that holds or reads a cell has a line."""
    lines = shown(CARD)
    at = next(row for row, line in enumerate(lines) if line.startswith("sensors in doubt"))
    assert lines[at].split()[-2:] == ["cells", "windows"]
    warning = "  CO2, 2019-01-04 00:00 to 2019-03-01 00:00: -9999, far outside 305.5 to 524.2"
    assert lines[at + 1].startswith(warning)
    assert lines[at + 1].split()[-3:] == ["train", "2", "240"]
    assert lines[at + 2].split() == ["test", "1", "120"]
    assert lines[at + 3] == ""
    assert len({len(line) for line in lines[at : at + 3]}) == 1  # the numbers stand in columns
    frozen = "  wv (m/s): frozen, filled, 2019-01-04 00:00 to 2019-01-14 05:50"
    assert any(line.startswith(frozen) for line in lines)
    sound = CARD.model_copy(update={"sensors": ()})
    assert not any("sensors in doubt" in line for line in shown(sound))


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["rows"], "many", "rows"),
        (["holes", "splits"], {"train": 1, "validation": 2}, "holes.splits.test"),
        (["sensors", 0, "check"], "odd", "sensors.0.check"),
        (["findings", 0, "cells"], -1, "findings.0.cells"),
        (["columns", "T (degC)", "mean"], None, "columns.T (degC).mean"),
        (["constant"], None, "constant"),
        (["said"], 1, "said"),
    ],
)
def test_a_damaged_card_is_refused_with_its_field(
    path: list[Any], value: object, field: str, tmp_path: Path
) -> None:
    CARD.write(tmp_path / "data_card.json")
    assert DataCard.read(tmp_path / "data_card.json") == CARD
    content = json.loads((tmp_path / "data_card.json").read_text())
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (tmp_path / "data_card.json").write_text(json.dumps(content))
    with pytest.raises(ProjectError) as caught:
        DataCard.read(tmp_path / "data_card.json")
    assert f": {field}" in str(caught.value)
    assert str(caught.value).endswith("dvc repro -f splits")
