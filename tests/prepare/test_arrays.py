"""Normalised features and raw targets: the reference's recipe bit for bit, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jena_etl.errors import ProjectError
from jena_etl.files import write_array
from jena_etl.prepare.arrays import arrays_record, normalised_features, raw_target
from jena_etl.prepare.climate import Climate
from jena_etl.prepare.outputs import ArraysRecord, ColumnStatistics, Statistics
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.prepare.statistics import train_statistics

NAMES = ("p (mbar)", "T (degC)", "wv (m/s)")
UNITS = {"T (degC)": "degC", "wv (m/s)": "m/s", "p (mbar)": "mbar", "left out": "?"}
TIMESTAMPS = np.datetime64("2009-01-01T00:10:00", "s") + np.arange(400) * np.timedelta64(600, "s")
RAW = np.round(np.random.default_rng(3).normal((989, 9, 2), (8, 8, 1.5), (400, 3)), 2)
CLIMATE = Climate(TIMESTAMPS, {name: RAW[:, at] for at, name in enumerate(NAMES)})
STATISTICS = train_statistics(CLIMATE, SplitFractions(train=0.5, validation=0.25))


def statistics_of(names: tuple[str, ...], mean: list[float], std: list[float]) -> Statistics:
    columns = {
        name: ColumnStatistics(mean=m, std=s) for name, m, s in zip(names, mean, std, strict=True)
    }
    return STATISTICS.model_copy(update={"columns": columns})


def recipe(raw: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Deep Learning with Python, 2nd edition, listing 10.6; float32 as Keras takes it in."""
    data = raw.copy()
    data -= mean
    data /= std
    return data.astype("float32")


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def test_features_are_the_references_bit_for_bit() -> None:
    columns = [STATISTICS.columns[name] for name in NAMES]
    mean = np.array([column.mean for column in columns])
    std = np.array([column.std for column in columns])
    features = normalised_features(CLIMATE, STATISTICS)
    assert features.shape == (400, 3)
    assert features.flags.c_contiguous
    assert same_bits(features, recipe(RAW, mean, std))
    # And with NumPy's own sums, which differ in the last bits of a float64 at most.
    by_numpy = recipe(RAW, RAW[:200].mean(axis=0), RAW[:200].std(axis=0))
    np.testing.assert_allclose(features, by_numpy, rtol=1e-6, atol=1e-7)


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3),
    st.lists(st.floats(1e-3, 1e4), min_size=3, max_size=3),
)
def test_any_figures_give_the_recipe(mean: list[float], std: list[float]) -> None:
    features = normalised_features(CLIMATE, statistics_of(NAMES, mean, std))
    assert same_bits(features, recipe(RAW, np.array(mean), np.array(std)))


def test_constant_column_becomes_0() -> None:
    climate = Climate(TIMESTAMPS[:20], {"a": np.full(20, 0.1)})
    statistics = train_statistics(climate, SplitFractions(train=0.5, validation=0.25))
    assert same_bits(normalised_features(climate, statistics), np.zeros((20, 1), np.float32))


def test_what_they_are_made_from_is_recorded() -> None:
    record = arrays_record(CLIMATE, STATISTICS, units=UNITS, sampling_rate=6, target="T (degC)")
    assert record == ArraysRecord(
        climate_sha256=CLIMATE.sha256,
        statistics_sha256=STATISTICS.sha256,
        columns=NAMES,
        units=("mbar", "degC", "m/s"),
        step_seconds=600,
        sampling_rate=6,
        target="T (degC)",
    )


@pytest.mark.parametrize(
    "names", [NAMES[:2], (*NAMES, "wd (deg)"), NAMES[::-1], ("p (mbar)", "T", "wv (m/s)")]
)
def test_statistics_of_other_columns_are_refused(names: tuple[str, ...]) -> None:
    statistics = statistics_of(names, [0.0] * len(names), [1.0] * len(names))
    with pytest.raises(ProjectError) as caught:
        arrays_record(CLIMATE, statistics, units=UNITS, sampling_rate=6, target="T (degC)")
    assert str(caught.value) == (
        f"statistics.json has the columns {', '.join(names)}; the series has "
        "p (mbar), T (degC), wv (m/s), in this order; build it again: dvc repro statistics"
    )


def test_statistics_of_other_values_are_refused() -> None:
    changed = Climate(TIMESTAMPS, {**CLIMATE.columns, "T (degC)": CLIMATE.columns["wv (m/s)"]})
    with pytest.raises(
        ProjectError,
        match=r"an earlier climate.parquet or other features; .*dvc repro st",
    ):
        arrays_record(changed, STATISTICS, units=UNITS, sampling_rate=6, target="T (degC)")


def test_target_is_the_raw_column() -> None:
    target = raw_target(CLIMATE, "T (degC)")
    assert target.shape == (400,)
    assert same_bits(target, RAW[:, 1].astype(np.float32))


@pytest.mark.parametrize("name", ["T", "Date Time"])
def test_target_that_is_not_a_column(name: str) -> None:
    with pytest.raises(ProjectError, match=r"no column .*, it holds p \(mbar\), T .*dvc repro"):
        arrays_record(CLIMATE, STATISTICS, units=UNITS, sampling_rate=6, target=name)


def test_files_can_be_mapped(tmp_path: Path) -> None:
    arrays = {
        "features": normalised_features(CLIMATE, STATISTICS),
        "targets": raw_target(CLIMATE, "T (degC)"),
        "timestamps": TIMESTAMPS,
    }
    for name, array in arrays.items():
        write_array(tmp_path / f"{name}.npy", array)
        mapped = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        assert isinstance(mapped, np.memmap)
        assert mapped.flags.c_contiguous
        assert not mapped.flags.writeable
        assert same_bits(mapped, array)
