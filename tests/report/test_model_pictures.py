from __future__ import annotations

import re

from jena_etl.evaluation.intervals import Interval
from jena_etl.report.model_pictures import architectures, leaderboard
from jena_etl.training.metadata import Layer

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


def layer(name: str, parameters: int) -> Layer:
    return Layer(
        name=name, class_name=name, output_shape=(None, 7), parameters=parameters, inputs=()
    )


def test_a_long_model_is_drawn_without_what_would_not_be_read() -> None:
    short = [layer("InputLayer", 0), layer("Flatten", 0), layer("Dense", 5)]
    weights = [layer(f"Weights{at}", 5) for at in range(20)]
    between = [
        one for pair in zip(weights, [layer("Dropout", 0)] * 20, strict=True) for one in pair
    ]
    picture = architectures({"short": short, "long": [layer("InputLayer", 0), *between]})
    drawn = re.findall(r">(Weights\d+|\d+ more)<", picture.svg)
    ends = [*(f"Weights{at}" for at in range(4)), "12 more"]
    ends += [f"Weights{at}" for at in range(16, 20)]
    assert drawn == ends
    assert "Flatten" in picture.svg
    assert "Dropout" not in picture.svg
    assert "more than 10 layers" in picture.caption
    assert "more than" not in architectures({"short": short}).caption
