"""Scores by lead time, worked out by hand, in the leaderboard and on the page."""

from __future__ import annotations

import pytest

from jena_etl.evaluation.lead_times import (
    LeadTimeScores,
    as_markdown,
    lead_time,
    read_lead_times,
    table,
)
from jena_etl.report.lead_times import lead_times_section

NAIVE = {1: 0.5, 24: 2.0}
MAE = {"lstm": {1: 0.25, 24: 1.5}, "dense": {1: 0.75, 24: 2.0}, "naive": NAIVE}
MAE |= {name: {1: 3.0, 24: 3.0} for name in ("climatology", "persistence_cycle")}
MAE |= {"damped_persistence": {1: 0.5, 24: 1.75}}
SCORES = {name: LeadTimeScores(mae, NAIVE) for name, mae in MAE.items()}


def rows() -> list[dict[str, str]]:
    """As they stand in leaderboard.csv."""
    return [
        {"architecture": name, **{column: str(value) for column, value in found.figures().items()}}
        for name, found in SCORES.items()
    ]


def test_skill_is_against_the_naive_forecast_of_the_same_lead_time() -> None:
    assert SCORES["lstm"].figures() == {
        "lead_time_mae_1": 0.25,
        "lead_time_mae_24": 1.5,
        "lead_time_skill_1": 0.5,
        "lead_time_skill_24": 0.25,
    }


def test_the_scores_are_read_back() -> None:
    assert read_lead_times(rows()) == SCORES


def test_they_are_a_table() -> None:
    heads, cells = table(SCORES, 3600)
    assert heads == ["architecture", "MAE 1 h", "MAE 24 h", "skill 1 h", "skill 24 h"]
    assert cells[1] == ["dense", "0.750", "2.000", "-0.500", "+0.000"]
    assert "| lstm | 0.250 | 1.500 | +0.500 | +0.250 |" in as_markdown(SCORES, 3600)


def test_a_perfect_naive_forecast_leaves_the_skill_out() -> None:
    still = {"naive": LeadTimeScores({1: 0.0, 2: 1.0}, {1: 0.0, 2: 1.0})}
    assert "| naive | 0.000 | 1.000 |  | +0.000 |" in as_markdown(still, None)


@pytest.mark.parametrize(
    ("horizon", "seconds", "text"),
    [
        (6, 600, "1 h"),
        (9, 600, "1.5 h"),
        (5, 600, "50 min"),
        (48, 3600, "48 h"),
        (1, None, "1 step"),
        (2, None, "2 steps"),
    ],
)
def test_a_lead_time_is_a_time_if_the_step_is_known(
    horizon: int, seconds: float | None, text: str
) -> None:
    assert lead_time(horizon, seconds) == text


def test_the_page_draws_the_best_models_and_the_baselines() -> None:
    better = [{**rows()[0], "architecture": name} for name in ("first", "second")]
    (section,) = lead_times_section([*better, *rows()], 3600, "K")
    assert [row[0] for row in section.tables[0].rows] == ["first", "second", *MAE]
    (picture,) = section.pictures
    for drawn in (
        "first",
        "second",
        "lstm",
        "naive",
        "climatology",
        "damped_persistence",
        "lead time (hours)",
        "MAE (K)",
    ):
        assert f"{drawn}</text>" in picture.svg
    assert "dense</text>" not in picture.svg


def test_nothing_is_said_with_one_lead_time() -> None:
    once = [{"architecture": "dense", "test_mae": "1.0"}]
    assert read_lead_times(once) == {}
    assert lead_times_section(once, 3600, "K") == []
    assert as_markdown({}, 3600) == []
