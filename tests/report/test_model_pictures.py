from __future__ import annotations

from jena_etl.evaluation.intervals import Interval
from jena_etl.report.model_pictures import leaderboard

SCORES = {
    "dense": {"validation": 2.0, "test": 2.25},
    "naive": {"validation": 2.5, "test": 2.75},
}


def test_the_leaderboard_draws_an_interval_for_each_model_that_has_one() -> None:
    none = leaderboard(SCORES, {"dense": None, "naive": None}, "degC")
    both = leaderboard(SCORES, {"dense": Interval(2.0, 2.5), "naive": Interval(2.5, 3.1)}, "degC")
    one = leaderboard(SCORES, {"dense": Interval(2.0, 2.5), "naive": None}, "degC")
    paths = [picture.svg.count("<path") for picture in (none, one, both)]
    assert paths[0] < paths[1] < paths[2]
    assert "95% intervals" in both.caption
    assert "too short for intervals" in none.caption
    for picture in (none, one, both):
        assert all(f">{mae}<" in picture.svg for mae in ("2.00", "2.25", "2.50", "2.75"))
