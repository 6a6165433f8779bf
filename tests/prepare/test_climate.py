"""climate.parquet in memory: what is read, what is refused, and what its digest tells apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jena_etl.errors import ProjectError
from jena_etl.prepare.climate import Climate, read_climate, read_series, write_features
from tests.prepare.test_features import features_of

TIMESTAMPS = np.datetime64("2009-01-01T00:10:00", "ms") + np.arange(400) * np.timedelta64(600, "s")
PRESSURE = np.round(np.random.default_rng(3).normal(989, 8, 400), 2)
TEMPERATURE = np.round(np.random.default_rng(4).normal(9, 8, 400), 2)
TABLE = pa.table({"Date Time": TIMESTAMPS, "p (mbar)": PRESSURE, "T (degC)": TEMPERATURE})


def written(path: Path, table: pa.Table = TABLE, **options: Any) -> Path:
    pq.write_table(table, path / "climate.parquet", **options)
    return path / "climate.parquet"


def test_what_is_read(tmp_path: Path) -> None:
    climate = read_climate(written(tmp_path, row_group_size=64))
    assert len(climate) == 400
    assert climate.timestamps.dtype == np.dtype("datetime64[s]")
    assert climate.timestamps.tolist() == TIMESTAMPS.astype("datetime64[s]").tolist()
    assert str(climate.timestamps[1]) == "2009-01-01T00:20:00"
    assert list(climate.columns) == ["p (mbar)", "T (degC)"]
    assert climate.columns["T (degC)"].tobytes() == TEMPERATURE.tobytes()


def test_the_digest_is_of_the_series_not_of_the_file(tmp_path: Path) -> None:
    climate = read_climate(written(tmp_path))
    again = read_climate(written(tmp_path, row_group_size=64, compression="zstd", version="1.0"))
    assert again.sha256 == climate.sha256


@pytest.mark.parametrize(
    "other",
    [
        Climate(TIMESTAMPS, {"T (degC)": TEMPERATURE, "p (mbar)": PRESSURE}),
        Climate(TIMESTAMPS, {"p (mbar)": TEMPERATURE, "T (degC)": PRESSURE}),
        Climate(TIMESTAMPS, {"p (mbar)": PRESSURE}),
        Climate(TIMESTAMPS, {"p (mbar)": PRESSURE, "T (K)": TEMPERATURE}),
        Climate(TIMESTAMPS, {"p (mbar)": PRESSURE, "T (degC)": np.nextafter(TEMPERATURE, 99)}),
        Climate(TIMESTAMPS + np.timedelta64(1, "s"), {"p (mbar)": PRESSURE, "T (degC)": PRESSURE}),
    ],
)
def test_the_digest_tells_series_apart(other: Climate) -> None:
    one = Climate(TIMESTAMPS, {"p (mbar)": PRESSURE, "T (degC)": TEMPERATURE})
    assert other.sha256 != one.sha256
    assert Climate(TIMESTAMPS.copy(), dict(one.columns)).sha256 == one.sha256


def test_missing_or_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "climate.parquet"
    with pytest.raises(ProjectError, match=r"^climate.parquet is not built yet; .*dvc repro conv"):
        read_climate(path)
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=r"climate.parquet"):
        read_climate(path)


def test_damage_is_told_in_a_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-9], whole[:200] + whole[300:], whole[:4] + whole[-60:]):
        path.write_bytes(content)
        with pytest.raises(ProjectError) as caught:
            read_climate(path)
        assert str(caught.value).startswith("climate.parquet is damaged (")
        assert str(caught.value).endswith("; build it again: dvc repro -f convert")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (TABLE.select([1, 2]), "a column of timestamps, then columns of float64"),
        (TABLE.append_column("a", pa.array(["x"] * 400)), "a column of timestamps, then columns"),
        (TABLE.append_column("a", pa.array([None] * 400, pa.float64())), "a value in every cell"),
        (pa.table({}), "a column of timestamps"),
    ],
)
def test_another_parquet_file_is_refused(tmp_path: Path, table: pa.Table, expected: str) -> None:
    with pytest.raises(ProjectError, match=f"is not what convert writes, expected {expected}"):
        read_climate(written(tmp_path, table))


FEATURES = features_of({"kind": "difference", "column": "p (mbar)", "rows": 2})
NAME = "p difference over 2 rows (mbar)"


def with_features(folder: Path, features: Any = FEATURES) -> tuple[Path, Path]:
    """climate.parquet, and features.parquet with the row's number in each column."""
    climate, path = written(folder), folder / "features.parquet"
    measured = read_climate(climate)
    columns = {name: np.arange(400.0) for feature in features for name in feature.names}
    write_features(path, measured, Climate(measured.timestamps, columns, features))
    return climate, path


def test_features_follow_the_measurements(tmp_path: Path) -> None:
    climate, features = with_features(tmp_path)
    series, measured = read_series(climate, features), read_climate(climate)
    assert list(series.columns) == ["p (mbar)", "T (degC)", NAME]
    assert series.columns[NAME].tolist() == list(range(400))
    assert (series.features, series.history) == (FEATURES, 2)
    assert list(series.measurements) == list(measured.columns)
    assert (series.timestamps == measured.timestamps).all()
    assert series.sha256 != measured.sha256
    assert pq.read_schema(features).names == ["timestamp", NAME]


def test_without_features_the_series_is_that_of_the_measurements(tmp_path: Path) -> None:
    climate, features = with_features(tmp_path, ())
    series, measured = read_series(climate, features), read_climate(climate)
    assert series.sha256 == measured.sha256
    assert (list(series.columns), series.history) == (list(measured.columns), 0)
    assert pq.read_table(features).num_columns == 1


def test_the_bytes_of_the_features_depend_on_their_values_alone(tmp_path: Path) -> None:
    _, features = with_features(tmp_path)
    before = features.read_bytes()
    features.unlink()
    with_features(tmp_path)
    assert features.read_bytes() == before


def test_features_of_other_measurements_are_refused(tmp_path: Path) -> None:
    climate, features = with_features(tmp_path)
    written(tmp_path, TABLE.slice(1))
    with pytest.raises(ProjectError) as caught:
        read_series(climate, features)
    assert str(caught.value) == (
        "features.parquet was computed from an earlier climate.parquet; build it again: dvc repro "
        "features"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Path.unlink, "features.parquet is not built yet; build it: dvc repro features"),
        (lambda path: path.write_bytes(b"PAR1"), r"damaged \(.*; build it again: dvc repro -f fea"),
        (
            lambda path: pq.write_table(TABLE, path),
            "features.parquet is not what features writes, expected a record of the features; ",
        ),
        (
            lambda path: pq.write_table(TABLE.select([1]), path),
            "not what features writes, expected a column of timestamps, .*: dvc repro -f features$",
        ),
    ],
)
def test_a_file_without_features_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    climate, features = with_features(tmp_path)
    change(features)
    with pytest.raises(ProjectError, match=message):
        read_series(climate, features)
