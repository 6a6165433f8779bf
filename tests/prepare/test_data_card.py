"""The data card: what a station's file holds and what is wrong with it, counted by hand."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.files import sha256_of
from jena_etl.ingest.convert import convert, render_conversion
from jena_etl.ingest.jena import JENA_COLUMNS
from jena_etl.ingest.plausibility import RANGES
from jena_etl.ingest.synthetic import MEMBER, write_synthetic
from jena_etl.params import Convert, Window, read_params
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.climate import read_climate
from jena_etl.prepare.data_card import DataCard, Reading
from jena_etl.prepare.describe import describe_data
from jena_etl.prepare.readings import ReadingCounter, reads
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.prepare.splits import describe_splits
from jena_etl.prepare.statistics import train_statistics
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec

SPEC = WindowSpec(sequence_length=3, sampling_rate=2, horizon=1)  # reads s, s + 2, s + 4; s + 6
Card = Callable[..., dict[str, Any]]


@pytest.fixture
def card_of(tmp_path: Path, checkout: Path) -> Card:
    """Convert files as params.yaml says but for `options`, and describe them."""

    def build(
        *files: Path,
        spec: WindowSpec = SPEC,
        policy: str = "reference",
        gaps: Literal["keep", "drop"] = "keep",
        target: str = "T (degC)",
        **options: Any,
    ) -> dict[str, Any]:
        chosen = {**dict(read_params(checkout / "params.yaml").convert), "members": None, **options}
        climate, findings = tmp_path / "climate.parquet", tmp_path / "findings.parquet"
        fractions = SplitFractions(train=0.5, validation=0.25)
        conversion = convert(
            files,
            climate,
            findings,
            Convert(**chosen),
            train_rows=lambda timestamps: fractions.row_ranges(timestamps)["train"],
        )
        source = conversion.source
        series = read_climate(climate)
        marks = CellMarks(findings)
        splits = describe_splits(
            series,
            train_statistics(series, fractions),
            fractions,
            policy=policy,
            window=Window(target=target, gaps=gaps, **vars(spec)),
            filled_targets=marks.rows(target, filled=True),
        )
        card = describe_data(series, marks, source, splits, fractions)
        card.write(tmp_path / "card.json")
        assert DataCard.read(tmp_path / "card.json") == card
        content = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
        printed = {"printed": render_conversion(conversion), "lines": str(card)}
        return {**content, **printed}

    return build


def csv_file(folder: Path, cells: dict[int, str], *, rows: int = 80, name: str = "a.csv") -> Path:
    """Ten-minute rows of T and wv, row k of both holding k / 10; `cells` replaces values of wv."""
    start = datetime(2009, 1, 1)  # noqa: DTZ001  the station's clock has no zone
    lines = ["Date Time,T (degC),wv (m/s)"]
    for row in range(rows):
        timestamp = (start + row * timedelta(minutes=10)).strftime("%d.%m.%Y %H:%M:%S")
        lines.append(f"{timestamp},{row / 10},{cells.get(row, row / 10)}")
    (folder / name).write_text("\n".join(lines))
    return folder / name


TWO = ("T (degC)", "wv (m/s)")


# --- windows that read a marked row ---


small = st.integers(1, 5)
specs = st.builds(
    WindowSpec, sequence_length=small, sampling_rate=small, horizon=small, sequence_stride=small
)


@given(specs, st.data(), st.booleans())
def test_windows_that_read_a_marked_row(
    spec: WindowSpec,
    data: st.DataObject,
    is_target: bool,  # noqa: FBT001
) -> None:
    """Each window's rows looked up one by one."""
    rows = data.draw(st.integers(spec.span, spec.span + 60))
    marked = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    starts = np.arange(0, rows - spec.target, spec.sequence_stride)
    expected = []
    for start in starts.tolist():
        inputs = [start + step * spec.sampling_rate for step in range(spec.sequence_length)]
        target = [inputs[-1] + spec.horizon * spec.sampling_rate] if is_target else []
        expected.append(any(marked[row] for row in [*inputs, *target]))
    assert reads(marked, starts, spec, is_target=is_target).tolist() == expected


@given(specs, st.data())
def test_windows_that_reach_across_a_step(spec: WindowSpec, data: st.DataObject) -> None:
    """A window does if it has rows, its target included, on both sides of the step."""
    rows = data.draw(st.integers(spec.span, spec.span + 60))
    steps = np.array(sorted(data.draw(st.sets(st.integers(1, rows - 1)))), dtype=np.int64)
    ranges = {"train": range(rows), "validation": range(rows, rows), "test": range(rows, rows)}
    windows = {name: WindowIndex([]) for name in ranges}
    windows["train"] = WindowIndex([range(0, rows - spec.target, spec.sequence_stride)])
    found = ReadingCounter(ranges, windows, spec, "T").steps(steps)
    across = 0
    for start in range(0, rows - spec.target, spec.sequence_stride):
        reached = [start + step * spec.sampling_rate for step in range(spec.sequence_length)]
        reached.append(reached[-1] + spec.horizon * spec.sampling_rate)
        across += any(reached[0] < step <= reached[-1] for step in steps.tolist())
    assert found.train == Reading(cells=len(steps), windows=across)
    assert found.test == Reading(cells=0, windows=0)


# --- cards worked out by hand ---


def test_a_sentinel_and_the_windows_it_touches(tmp_path: Path, card_of: Card) -> None:
    """Rows 10 (train) and 45 (validation) of 80; an input is read by windows 0, 2, 4 before it."""
    file = csv_file(tmp_path, {10: "-9999", 45: "-9999.00"})
    for how, filled in (("fill_forward", True), ("keep", False)):
        card = card_of(file, columns=TWO, on_sentinel=how)
        assert card["findings"] == [
            {
                "kind": "sentinel",
                "column": "wv (m/s)",
                "cells": 2,
                "filled": filled,
                "first": "2009-01-01T01:40:00",
                "last": "2009-01-01T07:30:00",
                "splits": {
                    "train": {"cells": 1, "windows": 3},  # 10, 8 and 6
                    "validation": {"cells": 1, "windows": 3},  # 45, 43 and 41
                    "test": {"cells": 0, "windows": 0},
                },
            }
        ]
        assert card["target_filled"] == {"train": 0, "validation": 0, "test": 0}
        assert card["physics"] == []  # a sentinel is no implausible wind
        assert card["columns"]["wv (m/s)"]["min"] == (0.0 if filled else -9999.0)
        assert (
            "wv (m/s), sentinel: 2, 2009-01-01T01:40:00 to 2009-01-01T07:30:00" in card["printed"]
        )
        done = "filled" if filled else "KEPT"
        assert card["lines"].splitlines() == [
            f"wv (m/s) in train: sentinel cells 1, {done}; 3 windows read them",
            f"wv (m/s) in validation: sentinel cells 1, {done}; 3 windows read them",
        ]


def test_windows_whose_target_was_filled_belong_to_no_split(tmp_path: Path, card_of: Card) -> None:
    """Target and only filled column is wv: row 45 is the target of window 39 (rows 39, 41, 43)."""
    file = csv_file(tmp_path, {45: "-9999", 50: ""})
    how = {"columns": TWO, "target": "wv (m/s)", "on_missing": "fill_forward"}
    card = card_of(file, **how)
    # reference: window 39 lies in no split; 44, of rows 44 to 48, has its target in row 50.
    assert card["target_filled"] == {"train": 0, "validation": 1, "test": 0}
    said = "windows left out of validation, their target was filled: 1"
    assert card["lines"].splitlines()[0] == said
    kinds = {item["kind"]: item["splits"]["validation"] for item in card["findings"]}
    # Windows 41, 43, 45 read row 45; 46, 48, 50 read row 50, but validation ends with window 55.
    assert kinds == {
        "sentinel": {"cells": 1, "windows": 3},
        "missing": {"cells": 1, "windows": 3},
    }
    # lookback: the target in [40, 60), so that both are left out.
    card = card_of(file, policy="lookback", **how)
    assert card["target_filled"] == {"train": 0, "validation": 2, "test": 0}
    # Kept, the sentinel is a target like any other: window 39 under lookback reads it as one.
    card = card_of(file, policy="lookback", on_sentinel="keep", **how)
    assert card["target_filled"] == {"train": 0, "validation": 1, "test": 0}
    sentinel = card["findings"][[i["kind"] for i in card["findings"]].index("sentinel")]
    assert sentinel["splits"]["validation"] == {"cells": 1, "windows": 4}


def test_timestamps_by_split(tmp_path: Path, card_of: Card) -> None:
    """87 rows: 43 train, 21 validation. Two holes, and at the end rows 0 to 3 once more."""
    file = csv_file(tmp_path, {}, rows=86)
    header, *lines = file.read_text().splitlines()
    again = [lines[0], lines[1], lines[2].replace("0.2,", "0.3,"), lines[3]]
    del lines[30:32], lines[50]
    file.write_text("\n".join([header, *lines, *again]))
    card = card_of(file, columns=TWO)
    assert card["rows"] == card["rows_read"] == 87
    assert card["holes"]["count"] == 2
    assert card["holes"]["longest"][0]["after"] == "2009-01-01T04:50:00"
    assert [hole["split"] for hole in card["holes"]["longest"]] == ["train", "validation"]
    assert card["holes"]["splits"] == {"train": 1, "validation": 1, "test": 0}
    assert card["repeats"] == {
        "count": 4,
        "differing": 1,
        "first": "2009-01-01T00:00:00",
        "last": "2009-01-01T00:30:00",
        "removed": False,
        "splits": {"train": 0, "validation": 0, "test": 4},
    }
    assert card["last"] == "2009-01-01T14:10:00"
    removed = card_of(file, columns=TWO, on_duplicate="first")
    assert (removed["rows_read"], removed["rows"]) == (87, 83)
    assert removed["repeats"]["removed"] is True
    assert sum(removed["repeats"]["splits"].values()) == 0
    assert "repeated timestamps: 4, 2009-01-01T00:00:00 to" in removed["printed"]


def test_many_holes_are_counted_and_the_ten_longest_listed(tmp_path: Path, card_of: Card) -> None:
    """13 holes, the first of 1 row and each one row longer than the one before it."""
    file = csv_file(tmp_path, {}, rows=300)
    header, *lines = file.read_text().splitlines()
    starts = {10 + 20 * hole: hole + 1 for hole in range(13)}
    missing = {start + row for start, rows in starts.items() for row in range(rows)}
    kept = [line for row, line in enumerate(lines) if row not in missing]
    file.write_text("\n".join([header, *kept]))
    holes = card_of(file, columns=TWO)["holes"]
    assert holes["count"] == sum(holes["splits"].values()) == 13
    assert [hole["rows_missing"] for hole in holes["longest"]] == [13, 12, 11, 10, 9, 8, 7, 6, 5, 4]


def test_presets_are_what_those_params_give(tmp_path: Path, card_of: Card) -> None:
    """The card of a file says beforehand what a run under each preset then counts."""
    file = csv_file(tmp_path, {45: "-9999", 70: "-9999"}, rows=100)
    header, *lines = file.read_text().splitlines()
    del lines[30:33]
    file.write_text("\n".join([header, *lines[:20], *lines[10:20], *lines[20:]]))
    how = {"columns": TWO, "target": "wv (m/s)"}
    clean = {"on_duplicate": "first", "gaps": "drop", "policy": "strict"}
    presets = card_of(file, **how)["presets"]
    assert (presets["reference"]["rows"], presets["clean"]["rows"]) == (107, 97)
    for options in (clean, {"on_sentinel": "keep"}):
        assert card_of(file, **how, **options)["presets"] == presets
    from_run = card_of(file, **how, **clean)
    series = read_climate(tmp_path / "climate.parquet")
    fractions = SplitFractions(train=0.5, validation=0.25)
    splits = describe_splits(
        series,
        train_statistics(series, fractions),
        fractions,
        policy="strict",
        window=Window(target="wv (m/s)", gaps="drop", **vars(SPEC)),
        filled_targets=CellMarks(tmp_path / "findings.parquet").rows("wv (m/s)", filled=True),
    ).splits
    counted = {name: split.windows for name, split in splits.items()}
    assert from_run["presets"]["clean"]["windows"] == counted
    # reference: 53, 26 and 28 rows, each less the 4 that inputs span; the last less 6 for targets.
    assert presets["reference"]["windows"] == {"train": 49, "validation": 22, "test": 18}


def test_implausible_values_are_warnings(tmp_path: Path, card_of: Card) -> None:
    low, high = RANGES["wv (m/s)"]
    cells = {5: f"{high}", 6: f"{high + 0.01}", 44: f"{low - 0.01}", 70: "-9999"}
    card = card_of(csv_file(tmp_path, cells), columns=TWO)
    assert card["physics"] == [
        {
            "check": "range",
            "column": "wv (m/s)",
            "expected": "0 to 75",
            "cells": 2,
            "first": "2009-01-01T01:00:00",
            "splits": {"train": 1, "validation": 1, "test": 0},
        }
    ]


def test_a_formula_contradicted_in_one_cell(tmp_path: Path, card_of: Card) -> None:
    """Row 700's VPact is 0.5 off: the formula for it and the three it stands in do not hold."""
    archive = tmp_path / "synthetic.zip"
    write_synthetic(archive, rows=1000, seed=1)
    with zipfile.ZipFile(archive) as opened:
        lines = opened.read(MEMBER).decode().splitlines()
    cells = lines[701].split(",")
    assert card_of(archive)["physics"] == []
    file = tmp_path / "a.csv"
    at = 1 + JENA_COLUMNS.index("VPact (mbar)")
    file.write_text(
        "\n".join([*lines[:701], ",".join([*cells[:at], "-9999", *cells[at + 1 :]]), *lines[702:]])
    )
    assert card_of(file)["physics"] == []  # filled from row 699, and no contradiction
    cells[at] = f"{float(cells[at]) + 0.5:.2f}"
    file.write_text("\n".join([*lines[:701], ",".join(cells), *lines[702:]]))
    found = card_of(file)["physics"]
    assert [item["column"] for item in found] == [
        "VPact (mbar)",
        "VPdef (mbar)",
        "sh (g/kg)",
        "H2OC (mmol/mol)",
    ]
    for item in found:
        assert (item["check"], item["cells"]) == ("formula", 1)
        assert item["splits"] == {"train": 0, "validation": 1, "test": 0}
        assert item["first"] == "2009-01-05T20:50:00"  # 700 rows of ten minutes after 00:10


def test_a_sensor_in_doubt_with_its_windows(tmp_path: Path, card_of: Card) -> None:
    """Hourly rows of 40 days: `a` is frozen in 60 train rows, -9999 stands in `b`, both unlisted.

    20 days are train, 10 validation, so that the sentinel in row 600 is validation's.
    """
    rows = np.arange(40 * 24)
    a = (10 * np.sin(rows) + rows % 7).round(3)
    a[100:160] = np.where(rows[100:160] % 3, 4.5, 4.6)
    b = (400 + 5 * np.cos(rows) + rows % 5).round(2)
    b[600] = -9999
    start = np.datetime64("2021-03-01T00:00:00")
    lines = ["time,a,b"]
    for row in rows.tolist():
        timestamp = str(start + np.timedelta64(row, "h")).replace("T", " ")
        lines.append(f"{timestamp},{a[row]},{b[row]}")
    file = tmp_path / "hours.csv"
    file.write_text("\n".join(lines))
    how: dict[str, Any] = {
        "datetime_column": "time",
        "datetime_format": "%Y-%m-%d %H:%M:%S",
        "columns": ("a", "b"),
        "target": "b",
        "sentinels": (),
    }
    card = card_of(file, **how)
    frozen, far = card["sensors"]
    assert frozen == {
        "check": "frozen",
        "column": "a",
        "found": "2 different values in 60 rows",
        "expected": frozen["expected"],
        "cells": 60,
        "runs": 1,
        "first": "2021-03-05T04:00:00",
        "last": "2021-03-07T15:00:00",
        "splits": {
            "train": {
                "cells": 60,
                "windows": 64,
            },  # starts 96 to 159: s, s + 2 or s + 4 in [100, 160)
            "validation": {"cells": 0, "windows": 0},
            "test": {"cells": 0, "windows": 0},
        },
    }
    assert (far["check"], far["column"], far["found"], far["runs"]) == ("far", "b", "-9999", 1)
    # Windows 600, 598 and 596 read row 600 as an input, and 594 as its target.
    assert far["splits"]["validation"] == {"cells": 1, "windows": 4}
    assert card["lines"] == "values in doubt in a, b: jena-etl inspect\n"

    # As missing cells they are counted as such, filled, and no longer in doubt.
    how |= {"on_frozen": "missing", "on_missing": "fill_forward"}
    card = card_of(file, **how)
    (finding,) = card["findings"]
    assert (finding["kind"], finding["column"], finding["cells"]) == ("frozen", "a", 60)
    assert finding["splits"]["train"] == {"cells": 60, "windows": 64}
    assert finding["filled"]
    assert [item["check"] for item in card["sensors"]] == ["far"]
    assert "a, frozen: 60, 2021-03-05T04:00:00 to 2021-03-07T15:00:00; filled" in card["printed"]
    frame = pl.read_parquet(tmp_path / "climate.parquet")
    assert frame["a"][100:160].unique().to_list() == [a[99]]


def test_another_stations_columns_have_no_physics(tmp_path: Path, card_of: Card) -> None:
    file = csv_file(tmp_path, dict.fromkeys(range(80), "7777"))
    file.write_text(file.read_text().replace("wv (m/s)", "CO2").replace("T (degC)", "level (m)"))
    card = card_of(file, columns=("CO2", "level (m)"), units={"CO2": "ppm"}, target="level (m)")
    assert card["physics"] == []
    assert {name: column["unit"] for name, column in card["columns"].items()} == {
        "CO2": "ppm",
        "level (m)": "m",
    }
    assert card["constant"] == ["CO2"]


def test_source_of_several_files(tmp_path: Path, card_of: Card) -> None:
    files = [tmp_path / "b.csv", csv_file(tmp_path, {}, name="a.csv")]
    header, *lines = files[1].read_text().splitlines()
    files[1].write_text("\n".join([header, *lines[:50]]))
    files[0].write_text(
        "\n".join(
            [header.replace("wv (m/s)", "wv (m/s),rain"), *(f"{line},0" for line in lines[40:])]
        )
    )
    card = card_of(*files, columns=TWO, members=["a.csv", "b.csv"], on_duplicate="first")
    assert (card["rows_read"], card["rows"], card["left_out"]) == (90, 80, ["rain"])
    assert card["repeats"]["first"] == "2009-01-01T06:40:00"
    assert card["source"]["name"] == "b.csv, a.csv"
    assert card["source"]["members"] == ["a.csv", "b.csv"]
    assert [each["sha256"] for each in card["source"]["files"]] == [sha256_of(f) for f in files]


def test_synthetic_card(tmp_path: Path, card_of: Card) -> None:
    archive = tmp_path / "synthetic.zip"
    write_synthetic(archive, rows=1000, seed=1)
    card = card_of(archive)
    assert card["source"]["synthetic"] is True
    assert (card["rows"], card["first"]) == (1000, "2009-01-01T00:10:00")
    assert list(card["columns"]) == list(JENA_COLUMNS)
    assert all(math.isfinite(column["mean"]) for column in card["columns"].values())
    assert card["findings"] == []


@pytest.mark.parametrize(
    "comment", [b"", b"synthetic", b"\xff\xfe", b"recorded; no synthetic data"]
)
def test_other_zips_are_not_synthetic(comment: bytes, tmp_path: Path, card_of: Card) -> None:
    file = csv_file(tmp_path, {})
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as opened:
        opened.write(file, "a.csv")
        opened.comment = comment
    assert card_of(tmp_path / "other.zip", columns=TWO)["source"]["synthetic"] is False


# --- the station's files, where they are ---


JENA = WindowSpec(sequence_length=120, sampling_rate=6, horizon=24)


@pytest.mark.slow
def test_twin(station_data: Path, card_of: Card) -> None:
    """Its README names the repeats and the three long holes; the others make the sum come out.

    From 2009-01-01 00:10 to 2017-01-01 00:00 a logger without fault writes 2,922 days of 144 rows.
    """
    card = card_of(
        station_data / "jena_climate_2009_2016_twin.csv.zip",
        members=["jena_climate_2009_2016.csv"],
        spec=JENA,
    )
    assert card["rows"] == 420_451
    assert (card["first"], card["last"]) == ("2009-01-01T00:10:00", "2017-01-01T00:00:00")
    assert card["irregular"]["count"] == 0
    assert card["repeats"] == {
        "count": 327,
        "differing": 0,
        "first": "2010-07-01T00:10:00",
        "last": "2010-07-03T06:30:00",
        "removed": False,
        "splits": {"train": 327, "validation": 0, "test": 0},
    }
    holes = card["holes"]["longest"]
    assert [(hole["after"][:10], hole["rows_missing"], hole["split"]) for hole in holes] == [
        ("2016-10-25", 445, "test"),
        ("2015-07-13", 100, "test"),
        ("2014-09-24", 95, "validation"),
        ("2009-10-08", 2, "train"),
        ("2013-05-16", 1, "validation"),
        ("2014-07-30", 1, "validation"),
    ]
    assert card["holes"]["count"] == 6
    assert 420_451 - 327 + sum(hole["rows_missing"] for hole in holes) == 2922 * 144
    assert card["findings"] == card["physics"] == []
    assert card["source"]["synthetic"] is False
    assert card["sensors"] == []


def test_hourly(station_data: Path, card_of: Card) -> None:
    """Five steps are not an hour, says its README, two of them 1,010 and 4,510 minutes long."""
    card = card_of(
        station_data / "jena_climate_2009_2016_hourly.csv.zip", columns=JENA_COLUMNS[:-2]
    )
    assert (card["rows"], card["step_seconds"], card["left_out"]) == (70_038, 3600, [])
    assert card["holes"]["longest"] == [
        {
            "after": "2016-10-25T09:40:00",
            "seconds": 4510 * 60,
            "rows_missing": 74,
            "split": "test",
        },
        {
            "after": "2014-09-24T16:50:00",
            "seconds": 1010 * 60,
            "rows_missing": 16,
            "split": "validation",
        },
    ]
    assert [step["seconds"] for step in card["irregular"]["longest"]] == [4800, 4200, 4200]
    assert card["physics"] == []
    assert card["sensors"] == []


def test_the_year_2020(station_data: Path, card_of: Card) -> None:
    """Its README names one repeat, one 100-minute hole, one -9999 in wv and seven more columns."""
    card = card_of(
        station_data / "weather_2020.csv.zip",
        datetime_column="date",
        datetime_format="%Y-%m-%d %H:%M:%S",
        spec=JENA,
    )
    assert card["rows"] == 52_696
    assert (card["repeats"]["count"], card["repeats"]["first"]) == (1, "2020-05-12T06:00:00")
    assert card["holes"]["longest"] == [
        {"after": "2020-05-29T09:30:00", "seconds": 6000, "rows_missing": 9, "split": "train"}
    ]
    (found,) = card["findings"]
    assert (found["kind"], found["column"], found["cells"]) == ("sentinel", "wv (m/s)", 1)
    # A row well inside a split is an input of as many windows as a window has inputs.
    assert found["splits"]["train"] == {"cells": 1, "windows": 120}
    assert len(card["left_out"]) == 7
    assert {"rain (mm)", "Tlog (degC)", "OT"} < set(card["left_out"])
    assert card["physics"] == []
    assert card["sensors"] == []
