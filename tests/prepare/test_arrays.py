"""The arrays against the reference's recipe in plain NumPy, bit for bit."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jena_etl.errors import ProjectError
from jena_etl.files import write_array
from jena_etl.prepare.arrays import normalised_features, read_timestamps, target_column
from jena_etl.prepare.statistics import train_statistics

NAMES = ("p (mbar)", "T (degC)", "wv (m/s)")
STAMPS = np.datetime64("2009-01-01T00:10:00", "ms") + np.arange(400) * np.timedelta64(600, "s")
RAW = np.round(np.random.default_rng(3).normal((989, 9, 2), (8, 8, 1.5), (400, 3)), 2)


@pytest.fixture(scope="module")
def climate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arrays") / "climate.parquet"
    columns = {name: RAW[:, at] for at, name in enumerate(NAMES)}
    pq.write_table(pa.table({"Date Time": STAMPS, **columns}), path, row_group_size=64)
    return path


def recipe(raw: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Deep Learning with Python, 2nd edition, listing 10.6; float32 as Keras takes it in."""
    data = raw.copy()
    data -= mean
    data /= std
    return data.astype("float32")


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def test_features_are_the_references_bit_for_bit(climate: Path) -> None:
    statistics = train_statistics(climate, train=0.5, validation=0.25)
    figures = [statistics["columns"][name] for name in NAMES]
    mean = np.array([column["mean"] for column in figures])
    std = np.array([column["std"] for column in figures])
    features = normalised_features(climate, statistics)
    assert features.shape == (400, 3)
    assert features.flags.c_contiguous
    assert same_bits(features, recipe(RAW, mean, std))
    # And with NumPy's own sums, which differ in the last bits of a float64 at most.
    by_numpy = recipe(RAW, RAW[:200].mean(axis=0), RAW[:200].std(axis=0))
    np.testing.assert_allclose(features, by_numpy, rtol=1e-6, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3),
    st.lists(st.floats(1e-3, 1e4), min_size=3, max_size=3),
)
def test_any_figures_give_the_recipe(climate: Path, mean: list[float], std: list[float]) -> None:
    figures = {name: {"mean": m, "std": s} for name, m, s in zip(NAMES, mean, std, strict=True)}
    features = normalised_features(climate, {"columns": figures})
    assert same_bits(features, recipe(RAW, np.array(mean), np.array(std)))


def test_constant_column_becomes_0(tmp_path: Path) -> None:
    path = tmp_path / "climate.parquet"
    pq.write_table(pa.table({"Date Time": STAMPS[:20], "a": np.full(20, 0.1)}), path)
    statistics = train_statistics(path, train=0.5, validation=0.25)
    assert same_bits(normalised_features(path, statistics), np.zeros((20, 1), np.float32))


@pytest.mark.parametrize(
    "names", [NAMES[:2], (*NAMES, "wd (deg)"), NAMES[::-1], ("p (mbar)", "T", "wv (m/s)")]
)
def test_statistics_of_other_columns_are_refused(climate: Path, names: tuple[str, ...]) -> None:
    statistics = {"columns": {name: {"mean": 0.0, "std": 1.0} for name in names}}
    with pytest.raises(ProjectError) as caught:
        normalised_features(climate, statistics)
    assert str(caught.value) == (
        f"statistics.json is about {', '.join(names)}; climate.parquet holds "
        "p (mbar), T (degC), wv (m/s), in this order; build it again: dvc repro statistics"
    )


def test_target_is_the_raw_column(climate: Path) -> None:
    target = target_column(climate, "T (degC)")
    assert target.shape == (400,)
    assert same_bits(target, RAW[:, 1].astype(np.float32))


@pytest.mark.parametrize("name", ["T", "Date Time"])
def test_target_that_is_no_column(climate: Path, name: str) -> None:
    with pytest.raises(ProjectError, match=r"no column .*, it holds p \(mbar\), T .*dvc repro"):
        target_column(climate, name)


def test_timestamps(climate: Path) -> None:
    timestamps = read_timestamps(climate)
    assert timestamps.shape == (400,)
    assert same_bits(timestamps, STAMPS.astype("datetime64[s]"))
    assert str(timestamps[1]) == "2009-01-01T00:20:00"


def test_files_can_be_mapped(climate: Path, tmp_path: Path) -> None:
    statistics = train_statistics(climate, train=0.5, validation=0.25)
    arrays = {
        "features": normalised_features(climate, statistics),
        "targets": target_column(climate, "T (degC)"),
        "timestamps": read_timestamps(climate),
    }
    for name, array in arrays.items():
        write_array(tmp_path / f"{name}.npy", array)
        mapped = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        assert isinstance(mapped, np.memmap)
        assert mapped.flags.c_contiguous
        assert not mapped.flags.writeable
        assert same_bits(mapped, array)
