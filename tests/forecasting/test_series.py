"""What a forecast is issued from: the project's series or a newer export, and what is refused."""

from __future__ import annotations

import gzip
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import DataError, SourceError
from jena_etl.forecasting.series import Series, exported_series
from jena_etl.params import Convert
from tests.forecasting.models import COLUMNS, metadata, with_features

OPTIONS = Convert(
    members=("station_2009.csv",),
    encoding="utf-8",
    separator=",",
    decimal=".",
    datetime_column="Date Time",
    datetime_format="%d.%m.%Y %H:%M:%S",
    columns=("T (degC)", "p (mbar)", "rh (%)", "wv (m/s)"),  # the model reads three of them
    units={},
    sentinels=(-9999.0,),
    on_sentinel="fill_forward",
    on_missing="fill_forward",
    on_duplicate="keep",
    on_frozen="keep",
)
START = datetime.fromisoformat("2016-12-31 22:00")
STEP = timedelta(minutes=10)


def rows(count: int = 12) -> list[list[str]]:
    """One row every 10 minutes; row k holds T = k, p = 1000 + k and rh = 50."""
    return [
        [f"{START + k * STEP:%d.%m.%Y %H:%M:%S}", f"{k}.0", f"{1000 + k}.0", "50.0"]
        for k in range(count)
    ]


def text(
    lines: list[list[str]], header: tuple[str, ...] = ("T (degC)", "p (mbar)", "rh (%)")
) -> str:
    return "\n".join(",".join(cells) for cells in [["Date Time", *header], *lines]) + "\n"


def export(path: Path, lines: list[list[str]], **options: Any) -> Series:
    path.write_text(text(lines))
    return exported_series(path, OPTIONS.model_copy(update=options), metadata())


def with_cell(row: int, column: int, cell: str) -> list[list[str]]:
    lines = rows()
    lines[row][column] = cell
    return lines


def test_the_window_ends_at_the_issue_time(tmp_path: Path) -> None:
    series = export(tmp_path / "new.csv", rows())
    assert series.warnings == ()
    row = series.row_of(None)
    assert row == 11
    window = series.window(row, metadata())
    assert str(window.timestamps[-1]) == "2016-12-31T23:50:00"
    assert list(window.columns) == list(COLUMNS)
    assert window.columns["T (degC)"].tolist() == [7, 8, 9, 10, 11]
    earlier = series.window(series.row_of(np.datetime64("2016-12-31T23:00")), metadata())
    assert earlier.columns["p (mbar)"].tolist() == [1002, 1003, 1004, 1005, 1006]


@pytest.mark.parametrize("kind", ["csv.gz", "zip", "zip with the member of params.yaml"])
def test_an_export_may_be_packed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"new.{kind[:6].strip()}"
    if kind == "csv.gz":
        path.write_bytes(gzip.compress(text(rows()).encode()))
    else:
        path = tmp_path / "new.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other.csv" if kind == "zip" else "station_2009.csv", text(rows()))
            if kind != "zip":
                archive.writestr("notes.txt", "not CSV")
    series = exported_series(path, OPTIONS, metadata())
    assert len(series.climate) == 12
    assert series.name == path.name


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"new.csv is not a file; name a .csv"):
        exported_series(tmp_path / "new.csv", OPTIONS, metadata())


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "new.zip").write_bytes(b"PK\3\4")
    with pytest.raises(SourceError, match="cannot be unpacked"):
        exported_series(tmp_path / "new.zip", OPTIONS, metadata())


def test_a_column_that_the_export_lacks(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text(text([line[:3] for line in rows()], ("T (degC)", "p (mbar)")))
    with pytest.raises(DataError) as caught:
        exported_series(path, OPTIONS, metadata())
    assert "columns names 'rh (%)', which is not among the 3 names" in str(caught.value)
    assert "dense reads that column: export it as well, or name a model that" in str(caught.value)


def test_another_fault_of_the_header_is_said_as_convert_says_it(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text(text(rows()).replace("Date Time", "Time"))
    with pytest.raises(DataError, match=r"set convert.datetime_column in params.yaml"):
        exported_series(path, OPTIONS, metadata())


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (with_cell(2, 1, "-9999"), {"on_sentinel": "error"}, "line 4, column 'T (degC)': -9999.0"),
        (with_cell(2, 1, ""), {"on_missing": "error"}, "line 4, column 'T (degC)': the cell is mi"),
        (
            [*rows(), rows()[3]],
            {"on_duplicate": "error"},
            "line 14, column 'Date Time': 2016-12-31",
        ),
        (with_cell(2, 1, "warm"), {}, "line 4"),
    ],
)
def test_what_params_refuse_is_refused(
    tmp_path: Path, lines: list[list[str]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        export(tmp_path / "new.csv", lines, **options)
    assert message in str(caught.value)


def test_the_rest_is_counted(tmp_path: Path) -> None:
    lines = with_cell(2, 1, "-9999")
    del lines[4]
    series = export(tmp_path / "new.csv", lines)
    assert series.warnings == (
        "holes: 1, the longest 1,200 s after 2016-12-31T22:30:00",
        "T (degC), sentinel: 1, 2016-12-31T22:20:00 to 2016-12-31T22:20:00; filled",
    )
    series.window(10, metadata())  # reads neither


@pytest.mark.parametrize("handling", ["fill_forward", "keep"])
@pytest.mark.parametrize("row", [7, 9, 11])
def test_a_sentinel_that_the_model_would_read(tmp_path: Path, row: int, handling: str) -> None:
    series = export(tmp_path / "new.csv", with_cell(row, 2, "-9999"), on_sentinel=handling)
    with pytest.raises(DataError) as caught:
        series.window(11, metadata())
    assert str(caught.value) == (
        "no forecast can be issued from new.csv at 2016-12-31T23:50:00, because dense reads "
        f"'p (mbar)' at {(START + row * STEP).isoformat()}, where -9999 is a sentinel; choose "
        "another time with --at"
    )


def test_a_missing_cell_that_the_model_would_read(tmp_path: Path) -> None:
    series = export(tmp_path / "new.csv", with_cell(9, 3, ""))
    with pytest.raises(DataError, match=r"'rh .%.' at 2016-12-31T23:30:00, where the cell is miss"):
        series.window(11, metadata())


@pytest.mark.parametrize("row", [6, 8, 10])  # before the window, or between two inputs
def test_a_sentinel_that_the_model_does_not_read(tmp_path: Path, row: int) -> None:
    series = export(tmp_path / "new.csv", with_cell(row, 2, "-9999"))
    assert len(series.window(11, metadata())) == 5


@pytest.mark.parametrize("row", [8, 9, 10])  # gone from among rows 6 to 11
def test_a_hole_in_the_window(tmp_path: Path, row: int) -> None:
    lines = rows()
    del lines[row]
    series = export(tmp_path / "new.csv", lines)
    earlier, later = (START + (row + k) * STEP for k in (-1, 1))
    with pytest.raises(DataError) as caught:
        series.window(10, metadata())
    assert str(caught.value) == (
        "no forecast can be issued from new.csv at 2016-12-31T23:50:00, because in the rows up to "
        f"it there is a hole: {earlier.isoformat()} is followed by {later.isoformat()}, expected a "
        "row every 600 seconds as in the series that the model was trained on; choose another time "
        "with --at"
    )


def test_too_few_rows_before_the_issue_time(tmp_path: Path) -> None:
    series = export(tmp_path / "new.csv", rows())
    with pytest.raises(DataError, match="has 4 rows up to 2016-12-31T22:30:00, where the forecast"):
        series.window(3, metadata())


def test_no_row_at_that_time(tmp_path: Path) -> None:
    series = export(tmp_path / "new.csv", rows())
    with pytest.raises(DataError, match="has no row at 2016-12-31T23:05; the one before it is 201"):
        series.row_of(np.datetime64("2016-12-31T23:05"))
    with pytest.raises(DataError, match="has no row at 2015-01-01; all are later"):
        series.row_of(np.datetime64("2015-01-01"))


def test_what_was_not_measured_is_not_known(tmp_path: Path) -> None:
    series = export(tmp_path / "new.csv", with_cell(10, 1, "-9999"))
    after, up_to = np.datetime64("2016-12-31T23:20"), np.datetime64("2016-12-31T23:50")
    timestamps, values = series.measured("T (degC)", after=after, up_to=up_to)
    assert timestamps.astype(str).tolist() == ["2016-12-31T23:30:00", "2016-12-31T23:50:00"]
    assert values.tolist() == [9, 11]


MEAN = {"kind": "rolling_mean", "column": "p (mbar)", "rows": 3}
CHANGE = {"kind": "difference", "column": "p (mbar)", "rows": 3}


def test_the_window_of_a_model_with_features_holds_their_rows_and_the_measurements(
    tmp_path: Path,
) -> None:
    window = export(tmp_path / "new.csv", rows()).window(11, metadata(**with_features(MEAN)))
    assert list(window.columns) == list(COLUMNS)
    assert window.columns["T (degC)"].tolist() == [5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("feature", "read"),
    [
        (MEAN, {5, 6, 7, 8, 9, 10, 11}),  # rows 7, 9 and 11, and the two before each
        (CHANGE, {7, 9, 11, 4, 6, 8}),
    ],
)
def test_a_sentinel_that_a_feature_would_read(
    tmp_path: Path, feature: dict[str, Any], read: set[int]
) -> None:
    found = metadata(**with_features(feature))
    refused = set()
    for row in range(1, 12):  # the first cell could not be filled
        series = export(tmp_path / "new.csv", with_cell(row, 2, "-9999"))
        try:
            series.window(11, found)
        except DataError as error:
            assert f"dense reads 'p (mbar)' at {(START + row * STEP).isoformat()}" in str(error)  # noqa: PT017
            refused.add(row)
    assert refused == read


def test_a_hole_before_the_window_that_a_feature_would_reach_across(tmp_path: Path) -> None:
    lines = rows()
    del lines[5]
    series = export(tmp_path / "new.csv", lines)
    series.window(10, metadata())
    with pytest.raises(DataError, match="there is a hole"):
        series.window(10, metadata(**with_features(MEAN)))
