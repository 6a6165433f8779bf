from __future__ import annotations

import math

import pytest

from jena_etl.evaluation.metrics import Scores
from jena_etl.evaluation.spread import Spread, mae_spread, spread, spread_text


def scores(validation: float, test: float) -> dict[str, Scores]:
    return {
        split: Scores(mae=mae, rmse=9.0, bias=9.0, skill=None, windows=7)
        for split, mae in (("validation", validation), ("test", test))
    }


def test_mean_and_sample_standard_deviation_by_hand() -> None:
    """2, 2.5, 3.75: deviations -0.75, -0.25, 1; squares sum to 1.625; half of it, then the root."""
    found = spread([2.0, 2.5, 3.75])
    assert found.mean == 2.75
    assert found.std == pytest.approx(math.sqrt(0.8125))
    assert found.count == 3
    assert spread_text(found) == "2.750 ± 0.901"
    assert spread_text(spread([2.0])) == "2.000"


def test_each_split_has_its_own() -> None:
    assert mae_spread([scores(1.0, 2.0), scores(3.0, 2.0)]) == {
        "validation": Spread(2.0, math.sqrt(2), 2),
        "test": Spread(2.0, 0.0, 2),
    }
