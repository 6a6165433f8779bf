"""The data card: what a station's file holds, counted by hand."""

import json
import math
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.etl.convert import convert
from jena_etl.etl.quality import SHOWN, data_card, stamp_card
from jena_etl.etl.sources import source_card
from jena_etl.etl.synthetic import MEMBER, write_synthetic
from jena_etl.files import sha256_of, write_json
from jena_etl.schema import DATETIME_COLUMN, DATETIME_FORMAT, JENA_COLUMNS

NOTHING = {"count": 0, "longest": []}


def at(*minutes: int) -> np.ndarray:
    """Stamps so many minutes after midnight of 1 January 2009."""
    return np.datetime64("2009-01-01T00:00:00", "s") + np.array(minutes) * np.timedelta64(60, "s")


def card_of(
    archive: Path, folder: Path, *, member: str = MEMBER, columns: tuple[str, ...] = JENA_COLUMNS
) -> dict[str, object]:
    climate = folder / "climate.parquet"
    left_out = convert(
        archive,
        climate,
        member=member,
        datetime_column=DATETIME_COLUMN,
        datetime_format=DATETIME_FORMAT,
        columns=columns,
    )
    return data_card(archive, climate, left_out=left_out)


# --- stamps made by hand ---


def test_regular_stamps() -> None:
    assert stamp_card(at(0, 10, 20, 30)) == {
        "step_seconds": 600,
        "holes": NOTHING,
        "repeats": {"count": 0, "first": None, "last": None},
        "irregular": NOTHING,
    }


def test_one_row_has_no_step_and_two_rows_make_one() -> None:
    assert stamp_card(at(5)) == stamp_card(at(0, 10)) | {"step_seconds": None}
    assert stamp_card(at(0, 7))["step_seconds"] == 420
    twice = stamp_card(at(5, 5))
    assert twice["step_seconds"] is None
    assert twice["repeats"]["count"] == 1
    assert twice["holes"] == twice["irregular"] == NOTHING


def test_holes_and_irregular_steps() -> None:
    # 20 -> 40 is two steps: one row missing. 50 -> 95 is 4.5. 95 -> 102 and 102 -> 121 are
    # neither the step nor two of them.
    card = stamp_card(at(0, 10, 20, 40, 50, 95, 102, 121, 131))
    assert card["step_seconds"] == 600
    assert card["holes"] == {
        "count": 2,
        "longest": [
            {"after": "2009-01-01T00:50:00", "seconds": 2700, "rows_missing": 3},
            {"after": "2009-01-01T00:20:00", "seconds": 1200, "rows_missing": 1},
        ],
    }
    assert card["irregular"] == {
        "count": 2,
        "longest": [
            {"after": "2009-01-01T01:42:00", "seconds": 1140},
            {"after": "2009-01-01T01:35:00", "seconds": 420},
        ],
    }


def test_a_block_logged_twice_is_neither_hole_nor_irregular() -> None:
    # After 30 the logger writes 10 and 20 again and goes on at 40: from 20 to 40 no row is missing.
    card = stamp_card(at(0, 10, 20, 30, 10, 20, 40, 50))
    assert card["repeats"] == {
        "count": 2,
        "first": "2009-01-01T00:10:00",
        "last": "2009-01-01T00:20:00",
    }
    assert card["holes"] == card["irregular"] == NOTHING


def test_a_hole_behind_a_repeat_is_found() -> None:
    card = stamp_card(at(0, 10, 20, 10, 20, 50, 60))
    assert card["holes"]["longest"] == [
        {"after": "2009-01-01T00:20:00", "seconds": 1800, "rows_missing": 2}
    ]
    assert card["repeats"]["count"] == 2


def test_many_holes_are_counted_and_the_longest_listed() -> None:
    minutes = [0]
    for hole in range(2, 2 + SHOWN + 5):
        minutes += [minutes[-1] + 10 * hole + step for step in (0, 10, 20)]
    card = stamp_card(at(*minutes))
    assert card["holes"]["count"] == SHOWN + 5
    missing = [hole["rows_missing"] for hole in card["holes"]["longest"]]
    assert missing == list(range(SHOWN + 5, 5, -1))


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), max_size=20),
)
def test_every_row_and_every_step_is_counted_once(gaps: list[int], again: list[int]) -> None:
    times = np.concatenate([[0], np.cumsum(gaps)])
    rows = [*times, *(times[row % len(times)] for row in again)]
    card = stamp_card(at(*rows))
    step, count = Counter(gaps).most_common(1)[0]
    assert Counter(gaps)[card["step_seconds"] // 60] == count
    if list(Counter(gaps).values()).count(count) == 1:
        assert card["step_seconds"] == 60 * step
    steps = sum(60 * gap == card["step_seconds"] for gap in gaps)
    assert len(gaps) == steps + card["holes"]["count"] + card["irregular"]["count"]
    assert len(rows) == 1 + len(gaps) + card["repeats"]["count"]


# --- whole cards ---


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Path]:
    """A zip and its Parquet of five rows; the last row is a repeat."""
    archive = tmp_path / "somewhere" / "small.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("a.csv", "any")
    table = pa.table(
        {
            "Date Time": at(0, 10, 20, 30, 10).astype("datetime64[ms]"),
            "T (degC)": np.array([-1.0, 0.1, 0.2, 0.3, -2.5]),
            "CO2": np.array([4.0, 4.0, 4.0, 4.0, 4.0]),
        }
    )
    climate = tmp_path / "climate.parquet"
    pq.write_table(table, climate)
    return archive, climate


def test_card_of_a_small_file(small: tuple[Path, Path]) -> None:
    archive, climate = small
    assert data_card(archive, climate, left_out=["note"]) == {
        "source": {
            "name": "small.zip",
            "bytes": archive.stat().st_size,
            "sha256": sha256_of(archive),
            "synthetic": False,
        },
        "rows": 5,
        "first": "2009-01-01T00:00:00",
        "last": "2009-01-01T00:30:00",
        "step_seconds": 600,
        "holes": NOTHING,
        "repeats": {"count": 1, "first": "2009-01-01T00:10:00", "last": "2009-01-01T00:10:00"},
        "irregular": NOTHING,
        "columns": {
            "T (degC)": {"unit": "degC", "min": -2.5, "mean": -2.9 / 5, "max": 0.3},
            "CO2": {"unit": "", "min": 4.0, "mean": 4.0, "max": 4.0},
        },
        "left_out": ["note"],
    }


def test_card_is_the_same_bytes_in_any_folder(
    small: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    archive, climate = small
    moved = tmp_path_factory.mktemp("elsewhere") / "small.zip"
    moved.write_bytes(archive.read_bytes())
    written = []
    for source in (archive, moved):
        target = source.with_name("card.json")
        write_json(target, data_card(source, climate, left_out=[]))
        written.append(target.read_text(encoding="utf-8"))
    assert written[0] == written[1]
    assert "/" not in written[0].replace("m/s", "")
    assert json.loads(written[0]) == data_card(archive, climate, left_out=[])


def test_synthetic_card(tmp_path: Path) -> None:
    archive = tmp_path / "synthetic.zip"
    write_synthetic(archive, rows=1000, seed=1)
    card = card_of(archive, tmp_path)
    assert card["source"] == source_card(archive)
    assert source_card(archive)["synthetic"] is True
    assert (card["rows"], card["first"]) == (1000, "2009-01-01T00:10:00")
    last = datetime(2009, 1, 1, 0, 10) + 999 * timedelta(minutes=10)  # noqa: DTZ001
    assert card["last"] == last.isoformat()
    assert card["holes"] == card["irregular"] == NOTHING
    columns = card["columns"]
    assert isinstance(columns, dict)
    assert list(columns) == list(JENA_COLUMNS)
    assert columns["T (degC)"]["unit"] == "degC"
    assert all(math.isfinite(cell["mean"]) for cell in columns.values())


# --- the station's files, where they are ---


def test_twin(station_data: Path, tmp_path: Path) -> None:
    """Its README names the repeats and the three long holes; the others make the sum come out.

    From 2009-01-01 00:10 to 2017-01-01 00:00 a logger without fault writes 2,922 days of 144 rows.
    """
    card = card_of(station_data / "jena_climate_2009_2016_twin.csv.zip", tmp_path)
    assert card["rows"] == 420_451
    assert (card["first"], card["last"]) == ("2009-01-01T00:10:00", "2017-01-01T00:00:00")
    assert card["step_seconds"] == 600
    assert card["irregular"] == NOTHING
    assert card["repeats"] == {
        "count": 327,
        "first": "2010-07-01T00:10:00",
        "last": "2010-07-03T06:30:00",
    }
    holes = card["holes"]
    assert isinstance(holes, dict)
    assert [(hole["after"][:10], hole["rows_missing"]) for hole in holes["longest"]] == [
        ("2016-10-25", 445),
        ("2015-07-13", 100),
        ("2014-09-24", 95),
        ("2009-10-08", 2),
        ("2013-05-16", 1),
        ("2014-07-30", 1),
    ]
    assert holes["count"] == 6
    missing = sum(hole["rows_missing"] for hole in holes["longest"])
    assert 420_451 - 327 + missing == 2922 * 144
    source = card["source"]
    assert isinstance(source, dict)
    assert source["synthetic"] is False


def test_hourly(station_data: Path, tmp_path: Path) -> None:
    """Five steps are not an hour, says its README, two of them 1,010 and 4,510 minutes long."""
    member = "jena_climate_2009_2016_hourly.csv"
    card = card_of(
        station_data / f"{member}.zip", tmp_path, member=member, columns=JENA_COLUMNS[:-2]
    )
    assert (card["rows"], card["step_seconds"], card["left_out"]) == (70_038, 3600, [])
    holes, irregular = card["holes"], card["irregular"]
    assert isinstance(holes, dict)
    assert isinstance(irregular, dict)
    assert holes["count"] + irregular["count"] == 5
    assert holes == {
        "count": 2,
        "longest": [
            {"after": "2016-10-25T09:40:00", "seconds": 4510 * 60, "rows_missing": 74},
            {"after": "2014-09-24T16:50:00", "seconds": 1010 * 60, "rows_missing": 16},
        ],
    }
    assert [step["seconds"] for step in irregular["longest"]] == [4800, 4200, 4200]
