"""What the page says of repeated trainings, from the rows of a leaderboard."""

from __future__ import annotations

from jena_etl.evaluation.rolling_origin import FoldScores, as_markdown, read_fold_scores
from jena_etl.report.optional_sections import folds_section, seeds_section

ONCE = [{"architecture": "dense"}, {"architecture": "naive"}]
MAE = {
    "dense": {"2013-01-01": 2.0, "2014-01-01": 3.0},
    "naive": {"2013-01-01": 2.5, "2014-01-01": 2.5},
}
SCORES = {name: FoldScores(mae, MAE["naive"]) for name, mae in MAE.items()}


def rows() -> list[dict[str, str]]:
    """As they stand in leaderboard.csv."""
    return [
        {"architecture": name, **{column: str(value) for column, value in found.figures().items()}}
        for name, found in SCORES.items()
    ]


def test_the_spread_over_the_seeds_is_a_table() -> None:
    figures = {"validation_mae_mean": "2.5", "validation_mae_std": "0.125"}
    figures |= {"test_mae_mean": "2.75", "test_mae_std": "0.25"}
    (section,) = seeds_section(
        [{**ONCE[0], "seeds": "3", **figures}, {**ONCE[1], "seeds": ""}], "K"
    )
    assert section.title == "Mean and standard deviation over 3 seeds"
    (table,) = section.tables
    assert table.heads == ("architecture", "MAE validation (K)", "MAE test (K)")
    assert table.rows == [("dense", "2.500 ± 0.125", "2.750 ± 0.250")]


def test_the_folds_are_a_table() -> None:
    """The mean MAE equals the naive forecast's, so there is no skill."""
    (section,) = folds_section(rows(), "K")
    (table,) = section.tables
    assert table.heads == [
        "architecture",
        "MAE, mean (K)",
        "skill",
        "from 2013-01-01",
        "from 2014-01-01",
    ]
    assert table.rows == [
        ["dense", "2.500 ± 0.707", "+0.000", "2.000", "3.000"],
        ["naive", "2.500 ± 0.000", "+0.000", "2.500", "2.500"],
    ]
    lines = as_markdown(SCORES)
    assert "| dense | 2.500 ± 0.707 | +0.000 | 2.000 | 3.000 |" in lines


def test_scores_in_folds_are_read_back() -> None:
    assert read_fold_scores(rows()) == SCORES


def test_one_fold_has_no_spread_and_a_perfect_naive_forecast_no_skill() -> None:
    one = {"naive": FoldScores({"2013-01-01": 0.0}, {"2013-01-01": 0.0})}
    assert one["naive"].summary() == {
        "rolling_origin_mae_mean": 0.0,
        "rolling_origin_mae_std": None,
        "rolling_origin_skill": None,
    }
    assert "| naive | 0.000 |  | 0.000 |" in as_markdown(one)


def test_nothing_is_said_without_repeats() -> None:
    assert seeds_section(ONCE, "K") == folds_section(ONCE, "K") == []
    assert as_markdown({}) == []
