from __future__ import annotations

import re

import numpy as np

from jena_etl.evaluation.prediction_intervals import ResidualQuantiles
from jena_etl.evaluation.predictions import NAIVE, Predictions
from jena_etl.report.forecast_pictures import against_observation, errors

HOURS = np.arange("2015-01-01", "2016-01-01", dtype="datetime64[h]").astype("datetime64[s]")


def forecasts(unit: float) -> dict[str, Predictions]:
    """A model that is always 1 too high, of a target that moves by up to 8 either way."""
    observed = (8 / 0.95 * np.linspace(-1, 1, len(HOURS)) * unit).astype(np.float32)
    still = np.zeros(len(HOURS), np.float32)
    return {
        NAIVE: Predictions(HOURS, HOURS, observed, still),
        "model": Predictions(HOURS, HOURS, observed, observed + np.float32(unit)),
    }


def test_errors_are_shown_by_round_classes_of_change_in_the_unit_of_the_target() -> None:
    for unit, shown in ((1.0, ["-8", "-2", "0", "+2", "+8"]), (0.01, ["-0.08", "+0.06"])):
        picture = errors(forecasts(unit), "mbar")
        texts = re.findall(r">([^<]+)</text>", picture.svg)
        assert set(shown) < set(texts)
        assert {"MAE (mbar)", "bias (mbar)", "by change (mbar)", "model", NAIVE} < set(texts)


def test_a_constant_error_is_a_level_line_of_mae_and_bias() -> None:
    """The model's line in each of the six drawings has the same height from end to end."""
    svg = errors(forecasts(1.0), "").svg
    lines = re.findall(r'<path d="([^"]+)" clip-path[^>]*stroke: #3f83c8', svg)
    assert len(lines) == 6
    for line in lines:
        heights = {y for _, y in re.findall(r"[ML] (\S+) (\S+)", line)}
        assert len(heights) == 1


def test_the_best_models_interval_is_drawn_where_it_is_known() -> None:
    known = {
        name: ResidualQuantiles(q10=-2, q50=0, q90=3, windows=99, model_sha256=None)
        for name in (NAIVE, "second", "third")
    }
    three = forecasts(1.0)
    three = {NAIVE: three[NAIVE], "second": three["model"], "third": three["model"]}
    drawn = against_observation(three, known, "T (degC)")
    assert "The area is the 80% prediction interval of second." in drawn.caption
    assert ">second, 80%<" in drawn.svg
    assert "third, 80%" not in drawn.svg
    plain = against_observation(three, {NAIVE: known[NAIVE]}, "T (degC)")
    assert "prediction interval" not in plain.caption
    assert "80%" not in plain.svg
