from __future__ import annotations

import re

import numpy as np

from jena_etl.evaluation.predictions import NAIVE, Predictions
from jena_etl.report.forecast_pictures import errors

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
