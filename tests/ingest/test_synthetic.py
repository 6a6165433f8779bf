"""The synthetic download: the original's format to the letter, and weather like weather."""

import io
import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jena_etl.errors import DataError, ProjectError
from jena_etl.ingest import jena
from jena_etl.ingest.archives import SYNTHETIC_COMMENT
from jena_etl.ingest.synthetic import write_synthetic

TWIN = Path(__file__).parents[2] / "../shared/data/jena_climate_2009_2016_twin.csv.zip"

HEADER = (
    '"Date Time","p (mbar)","T (degC)","Tpot (K)","Tdew (degC)","rh (%)","VPmax (mbar)",'
    '"VPact (mbar)","VPdef (mbar)","sh (g/kg)","H2OC (mmol/mol)","rho (g/m**3)","wv (m/s)",'
    '"max. wv (m/s)","wd (deg)"'
)
LINE = re.compile(r"\d\d\.\d\d\.\d{4} \d\d:\d0:00(,-?(0|[1-9]\d*)\.\d\d){14}")
YEAR = 52_560
RANGES = {
    "p (mbar)": (940.0, 1020.0),
    "T (degC)": (-25.0, 38.0),
    "Tpot (K)": (245.0, 318.0),
    "Tdew (degC)": (-46.0, 38.0),
    "rh (%)": (12.0, 100.0),
    "VPmax (mbar)": (0.5, 67.0),
    "VPact (mbar)": (0.05, 67.0),
    "VPdef (mbar)": (0.0, 60.0),
    "sh (g/kg)": (0.0, 45.0),
    "H2OC (mmol/mol)": (0.0, 72.0),
    "rho (g/m**3)": (1000.0, 1435.0),
    "wv (m/s)": (0.0, 25.0),
    "max. wv (m/s)": (0.0, 40.0),
    "wd (deg)": (0.0, 360.0),
}


def read(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return archive.read("jena_climate_2009_2016.csv").decode("ascii")


def made(folder: Path, *, rows: int, seed: int) -> str:
    write_synthetic(folder / "synthetic.zip", rows=rows, seed=seed)
    return read(folder / "synthetic.zip")


def table(text: str) -> pl.DataFrame:
    return pl.read_csv(io.StringIO(text))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One synthetic year; write_synthetic makes the folders on the way."""
    path = tmp_path_factory.mktemp("synthetic") / "new" / "folder" / "year.zip"
    write_synthetic(path, rows=YEAR, seed=3)
    return path


def test_every_line_has_the_originals_form(year: Path) -> None:
    text = read(year)
    assert "\r" not in text
    assert not text.endswith("\n")
    assert "-0.00" not in text
    header, *lines = text.split("\n")
    assert header == HEADER
    assert len(lines) == YEAR
    assert all(LINE.fullmatch(line) for line in lines)


def test_header_is_the_originals() -> None:
    if not TWIN.exists():
        pytest.skip(f"no stand-in of the original at {TWIN}")
    with zipfile.ZipFile(TWIN) as archive, archive.open(archive.namelist()[0]) as member:
        assert member.readline().decode("ascii") == HEADER + "\n"


def test_timestamps_run_every_ten_minutes_from_the_originals_first(year: Path) -> None:
    timestamps = table(read(year))["Date Time"].str.to_datetime("%d.%m.%Y %H:%M:%S")
    assert str(timestamps[0]) == "2009-01-01 00:10:00"
    # 365 days of 144 rows: the last timestamp is the first one's midnight a year on.
    assert str(timestamps[-1]) == "2010-01-01 00:00:00"
    assert (np.diff(timestamps.to_numpy()) == np.timedelta64(10, "m")).all()


def test_zip_holds_the_originals_members_and_says_that_it_is_synthetic(year: Path) -> None:
    with zipfile.ZipFile(year) as archive:
        assert archive.namelist() == [
            "jena_climate_2009_2016.csv",
            "__MACOSX/._jena_climate_2009_2016.csv",
        ]
        assert archive.infolist()[1].file_size == 120
        assert archive.comment == b"synthetic data: jena-etl synth rows=52560 seed=3"
        assert archive.testzip() is None
    assert SYNTHETIC_COMMENT == "synthetic data: jena-etl synth"
    assert [path.name for path in year.parent.iterdir()] == ["year.zip"]


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one.zip", "two.zip", "other.zip"))
    write_synthetic(one, rows=500, seed=7)
    write_synthetic(two, rows=500, seed=7)
    write_synthetic(other, rows=500, seed=8)
    assert one.read_bytes() == two.read_bytes()
    assert read(one) != read(other)


def test_an_existing_file_is_replaced_on_demand_alone(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"seed: 0")
    with pytest.raises(ProjectError, match="exists already; name another file, or add --force"):
        write_synthetic(path, rows=1, seed=0)
    assert path.read_bytes() == b"seed: 0"
    write_synthetic(path, rows=1, seed=0, replace=True)
    assert read(path).count("\n") == 1


def test_a_longer_series_begins_with_the_shorter_one(year: Path, tmp_path: Path) -> None:
    assert read(year).startswith(made(tmp_path, rows=1_001, seed=3) + "\n")


def test_computed_columns_follow_from_the_written_digits(year: Path) -> None:
    frame = table(read(year))
    column = {name: frame[name].to_numpy() for name in jena.JENA_COLUMNS}
    p, t, vpact = column["p (mbar)"], column["T (degC)"], column["VPact (mbar)"]
    vpmax, sh = column["VPmax (mbar)"], column["sh (g/kg)"]
    expected = {  # spelled out anew: the README's list, and the Magnus form
        "Tpot (K)": (t + 273.15) * (1000 / p) ** 0.286,
        "VPmax (mbar)": 6.1078 * np.exp(17.08085 * t / (234.175 + t)),
        "VPact (mbar)": vpmax * column["rh (%)"] / 100,
        "VPdef (mbar)": vpmax - vpact,
        "sh (g/kg)": 622 * vpact / (p - 0.378 * vpact),
        "H2OC (mmol/mol)": 1000 * vpact / p,
        "rho (g/m**3)": 1e5 * p / (287.05 * (t + 273.15) * (1 + 0.61 * sh / 1000)),
    }
    for name, values in expected.items():
        # A hair above half a digit: a tie may round either way.
        assert np.abs(values - column[name]).max() < 0.005 + 1e-9, name
    # The dew point is where saturation gives VPact back: up to 30 degC half a digit
    # of Tdew is worth 0.012 mbar.
    back = 6.1078 * np.exp(17.08085 * column["Tdew (degC)"] / (234.175 + column["Tdew (degC)"]))
    assert np.abs(back - vpact).max() < 0.015


def test_weather_persists_and_turns_with_the_seasons(year: Path) -> None:
    frame = table(read(year))
    t = frame["T (degC)"].to_numpy()
    assert np.corrcoef(t[144:], t[:-144])[0, 1] > 0.8
    assert 2.1 < np.abs(t[144:] - t[:-144]).mean() < 2.9  # the naive forecast of a day ahead
    daily = t.reshape(365, 144)
    july, january = daily[181:212], daily[:31]
    assert july.mean() - january.mean() > 12.0
    assert np.ptp(july, axis=1).mean() > 1.4 * np.ptp(january, axis=1).mean()
    by_hour = july.mean(axis=0)
    assert 13 <= by_hour.argmax() / 6 <= 17
    assert 3 <= by_hour.argmin() / 6 <= 7
    assert (frame["max. wv (m/s)"] >= frame["wv (m/s)"]).all()
    turn = np.abs((np.diff(frame["wd (deg)"].to_numpy()) + 180) % 360 - 180)
    assert np.median(turn) < 20.0


def test_means_and_spreads_are_jenas(year: Path) -> None:
    # Mean and standard deviation of 2009-2016; a single year strays from them.
    frame = table(read(year))
    jena = {
        "p (mbar)": (989.2, 8.4),
        "T (degC)": (9.4, 8.4),
        "Tdew (degC)": (5.0, 6.7),
        "rh (%)": (76.0, 16.5),
        "wv (m/s)": (2.1, 1.5),
        "max. wv (m/s)": (3.2, 2.2),
    }
    for name, (mean, spread) in jena.items():
        values = frame[name].to_numpy()
        assert abs(values.mean() - mean) < 0.25 * spread, name
        assert 0.75 < values.std() / spread < 1.25, name


@pytest.mark.parametrize(("rows", "seed"), [(0, 1), (-3, 1), (99_999_999_999, 1), (10, -1)])
def test_arguments_out_of_range(tmp_path: Path, rows: int, seed: int) -> None:
    wrong = (
        f"seed is {seed}, expected 0" if seed < 0 else f"rows is {rows:,}, expected 1 to 5,256,000"
    )
    with pytest.raises(DataError, match=wrong):
        write_synthetic(tmp_path / "synthetic.zip", rows=rows, seed=seed)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=30)
@given(rows=st.integers(1, 300), seed=st.integers(0, 2**63))
def test_any_small_series_is_finite_in_range_and_two_decimal(rows: int, seed: int) -> None:
    with TemporaryDirectory() as folder:
        text = made(Path(folder), rows=rows, seed=seed)
    header, *lines = text.split("\n")
    assert header == HEADER
    assert len(lines) == rows
    assert all(LINE.fullmatch(line) for line in lines)
    assert "-0.00" not in text
    values = table(text)
    for name, (low, high) in RANGES.items():
        assert values[name].is_finite().all(), name
        assert values[name].is_between(low, high).all(), name
