from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jena_etl.errors import ProjectError, TrainingError
from jena_etl.evaluation.predictions import (
    SCORED,
    Predictions,
    at_horizon,
    built_by,
    forecast,
    in_fold,
    predictions_writer,
    read_predictions,
    with_observations,
    with_seed,
    write_predictions,
)
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows


def windows() -> SeriesWindows:
    rows = np.arange(30, dtype=np.float32)
    spec = WindowSpec(sequence_length=3, sampling_rate=2, horizon=4)
    return SeriesWindows(
        phase_major(rows[:, None], 2), rows * 10, spec, WindowIndex([range(5, 15)])
    )


def test_naive_is_the_target_column_at_the_last_input() -> None:
    # Starts 5..14: the last input lies 2 * 2 rows on, the target 4 * 2 rows after it.
    assert windows().last_observations().tolist() == [10 * (s + 4) for s in range(5, 15)]


STAMPS = np.datetime64("2016-01-01T00:00:00") + np.arange(30) * np.timedelta64(600)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    predicted = np.arange(10, dtype=np.float32)
    parts = {
        split: with_observations(windows(), STAMPS, predicted + at)
        for at, split in enumerate(SCORED)
    }
    path = tmp_path / "any.parquet"
    write_predictions(path, parts)
    read = read_predictions(path, built_by="train@any")
    assert list(read) == list(SCORED)
    for at, split in enumerate(SCORED):
        assert read[split].observation.tolist() == [10 * (s + 12) for s in range(5, 15)]
        assert read[split].issued.tolist() == STAMPS[9:19].tolist()
        assert read[split].timestamp.tolist() == STAMPS[17:27].tolist()
        assert read[split].prediction.tolist() == (predicted + at).tolist()


def test_stations_are_written_one_after_the_other_and_read_by_split(tmp_path: Path) -> None:
    def parts(station: int) -> dict[str, Predictions]:
        return {
            split: with_observations(windows(), STAMPS, np.full(10, 10 * station + at, np.float32))
            for at, split in enumerate(SCORED)
        }

    path = tmp_path / "any.parquet"
    with predictions_writer(path) as write:
        for station in range(3):
            write(parts(station), station)
    found = read_predictions(path, built_by="train@any")["test"]
    assert found.station is not None
    assert found.station.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert found.prediction.tolist() == [1] * 10 + [11] * 10 + [21] * 10
    one = found.of_stations([1])
    for name in ("issued", "timestamp", "observation"):
        assert getattr(one, name).tolist() == getattr(parts(1)["test"], name).tolist()


def test_forecasts_share_the_arrays_of_others_for_the_same_windows(tmp_path: Path) -> None:
    parts = {s: with_observations(windows(), STAMPS, np.zeros(10, np.float32)) for s in SCORED}
    write_predictions(tmp_path / "any.parquet", parts)
    first = read_predictions(tmp_path / "any.parquet", built_by="train@any")
    later = {**first, "test": replace(first["test"], issued=first["test"].issued + 1)}
    found = read_predictions(tmp_path / "any.parquet", built_by="train@any", like=later)
    assert found["validation"].issued is first["validation"].issued
    assert found["test"].timestamp is first["test"].timestamp
    assert found["test"].issued.tolist() == first["test"].issued.tolist()
    assert found["test"].prediction is not first["test"].prediction


def test_a_file_that_is_missing_or_damaged_names_its_stage(tmp_path: Path) -> None:
    path = tmp_path / "any.parquet"
    with pytest.raises(ProjectError, match=r"not built yet; build it: dvc repro train@any"):
        read_predictions(path, built_by="train@any")
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(ProjectError, match=r"damaged .* dvc repro -f train@any"):
        read_predictions(path, built_by="train@any")


class Echo:
    """A model that forecasts what it is told, whatever the windows."""

    def __init__(self, out: np.ndarray) -> None:
        self.out = out

    def predict(self, _: object, verbose: int) -> np.ndarray:
        assert verbose == 0
        return self.out


def test_a_forecast_that_is_no_number_is_refused() -> None:
    broken = np.full((10, 1), np.nan, dtype=np.float32)
    with pytest.raises(TrainingError, match="forecasts NaN or infinity"):
        forecast(Echo(broken), windows(), batch_size=4, order="forward")


def test_a_window_left_out_is_noticed() -> None:
    short = np.zeros((9, 1), dtype=np.float32)
    with pytest.raises(TrainingError, match=r"have shape \(9, 1\), expected \(10, 1\)"):
        forecast(Echo(short), windows(), batch_size=4, order="forward")


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("naive", "baseline"),
        ("lstm", "train@lstm"),
        (with_seed("lstm", 12), "train_seed@lstm-12"),
        (at_horizon("lstm", 6), "train_horizon@lstm-6"),
        (at_horizon("damped_persistence", 48), "horizon@48"),
        (in_fold("lstm", "2014-01-01"), "train_fold@lstm-2014-01-01"),
        (in_fold("damped_persistence", "2014-01-01T06"), "fold@2014-01-01T06"),
    ],
)
def test_forecasts_tell_the_stage_that_makes_them(name: str, stage: str) -> None:
    assert built_by(name) == stage
