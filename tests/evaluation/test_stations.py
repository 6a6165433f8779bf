"""MAE and skill by station, as a reader of the leaderboard meets them."""

from __future__ import annotations

import numpy as np
import pytest

from jena_etl.evaluation.predictions import Predictions
from jena_etl.evaluation.stations import (
    StationScores,
    as_markdown,
    mae_by_station,
    read_station_scores,
)
from jena_etl.prepare.outputs import StationList

STATIONS = StationList(first="a", further=("b", "c_d"), unseen=("c_d",), statistics="pooled")
OBSERVED = {"a": [1.0, 2.0], "b": [3.0], "c_d": [5.0, 5.0, 5.0]}
FORECAST = {"a": [2.0, 2.0], "b": [3.0], "c_d": [6.0, 4.0, 8.0]}
NAIVE = {"a": [3.0, 4.0], "b": [3.0], "c_d": [5.0, 6.0, 7.0]}


def forecasts(values: dict[str, list[float]]) -> Predictions:
    counts = [len(found) for found in values.values()]
    times = np.concatenate([np.arange(count) for count in counts]).astype("datetime64[s]")
    observation, prediction = (
        np.concatenate([np.array(one[name], np.float32) for name in values])
        for one in (OBSERVED, values)
    )
    station = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
    return Predictions(np.zeros_like(times), times, observation, prediction, station)


def both() -> dict[str, StationScores]:
    naive = mae_by_station(forecasts(NAIVE), STATIONS)
    lstm = mae_by_station(forecasts(FORECAST), STATIONS)
    return {"naive": StationScores(naive, naive), "lstm": StationScores(lstm, naive)}


def test_each_station_is_scored_on_its_own_windows() -> None:
    found = both()
    assert found["lstm"].mae == {"a": 0.5, "b": 0.0, "c_d": pytest.approx(5 / 3)}
    assert found["naive"].mae == {"a": 2.0, "b": 0.0, "c_d": 1.0}
    assert found["lstm"].skill == {"a": 0.75, "b": None, "c_d": pytest.approx(-2 / 3)}
    assert list(found["lstm"].figures())[::2] == [
        "station_mae_a", "station_mae_c_d", "station_skill_b",
    ]  # fmt: skip


def test_the_leaderboard_gives_back_what_was_written() -> None:
    found = both()
    rows = [
        {"architecture": name, **{k: str(v) for k, v in scores.figures().items()}}
        for name, scores in found.items()
    ]
    assert read_station_scores(rows) == found
    assert read_station_scores([{"architecture": "lstm", "test_mae": "1.0"}]) == {}


def test_the_table_marks_what_no_model_has_learnt_from() -> None:
    found = both()
    text = "\n".join(as_markdown(found, STATIONS))
    assert "| architecture | a | b | c_d (unseen) |" in text
    assert "| lstm | 0.500 (+0.750) | 0.000 | 1.667 (-0.667) |" in text
    assert as_markdown({}, STATIONS) == []


def test_the_table_says_which_station_is_left_out_and_why() -> None:
    stations = STATIONS.model_copy(update={"left_out": {"d": ("p (mbar)", "rh (%)")}})
    lines = as_markdown(both(), stations)
    assert lines[-1] == "station d is LEFT OUT, as its files lack p (mbar), rh (%)."
    assert as_markdown({}, stations) == ["", lines[-1]]


def test_a_project_with_one_station_has_no_such_scores() -> None:
    alone = StationList(first=None, further=(), unseen=(), statistics="pooled")
    assert mae_by_station(forecasts(NAIVE), alone) == {}


def test_forecasts_of_some_stations() -> None:
    found = forecasts(FORECAST)
    assert found.of_stations([0, 2]).prediction.tolist() == [2, 2, 6, 4, 8]
    assert found.of_stations([1]).prediction.tolist() == [3]
    assert found.of_stations([2]).prediction.base is found.prediction
    assert found.of_stations([2, 0, 1]) is found
    single = Predictions(found.issued, found.timestamp, found.observation, found.prediction)
    assert single.of_stations([0]) is single
