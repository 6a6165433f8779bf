from __future__ import annotations

import csv
import io

from jena_etl.evaluation.leaderboard import Entry, as_csv, as_markdown, as_metrics, title
from jena_etl.evaluation.predictions import NAIVE
from jena_etl.ingest.source import SourceSummary
from jena_etl.prepare.outputs import Splits, Window


def entry(name: str, validation: float, test: float, skill: float | None = 0.5) -> Entry:
    score = {"rmse": 1.0, "bias": 0.0, "skill": skill, "windows": 7}
    scores = {"validation": {**score, "mae": validation}, "test": {**score, "mae": test}}
    return Entry(name, 1_234, scores)


ENTRIES = [
    entry(NAIVE, 2.4, 2.6, 0.0),
    entry("worse", 2.5, 2.5, -0.04),
    entry("best", 2.1, 2.9, 0.125),
    entry("alike", 2.1, 2.8, 0.125),
]


def test_best_first_by_validation_then_by_name() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(ENTRIES))))
    assert [row["architecture"] for row in rows] == ["alike", "best", "naive", "worse"]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0]["test_mae"] == "2.8"
    metrics = as_metrics(ENTRIES, "what")
    assert metrics.pop("scored") == "what"
    assert list(metrics) == ["alike", "best", "naive", "worse"]
    assert metrics["best"] == {"validation": 2.1, "test": 2.9}


def test_a_model_worse_than_naive_is_marked() -> None:
    lines = as_markdown(ENTRIES, "what").splitlines()
    marked = [line for line in lines if "beaten by naive" in line]
    assert marked == ["| 4 | worse (beaten by naive) | 1,234 | 2.500 | 2.500 | -0.040 | -0.040 |"]


def test_a_perfect_naive_forecast_leaves_the_skill_out() -> None:
    line = as_markdown([entry("any", 1.0, 1.0, None)], "what").splitlines()[6]
    assert line == "| 1 | any (beaten by naive) | 1,234 | 1.000 | 1.000 |  |  |"


def source(*, synthetic: bool) -> SourceSummary:
    return SourceSummary(name="a.zip", synthetic=synthetic, files=(), members=())


def test_the_title_tells_policy_and_synthetic_data() -> None:
    splits = Splits.model_construct(  # type: ignore[call-arg]  # what a title tells
        target="T (degC)",
        policy="strict",
        gaps="keep",
        window=Window(sequence_length=120, sampling_rate=6, horizon=24, sequence_stride=1),
    )
    made_up = title(splits, source(synthetic=True))
    assert made_up == "T (degC), 24 steps of 6 rows ahead, policy strict, a.zip (synthetic data)"
    dropped = title(splits.model_copy(update={"gaps": "drop"}), source(synthetic=False))
    assert dropped.endswith("policy strict, a.zip, windows across gaps dropped")
    assert "synthetic" not in title(splits, source(synthetic=False))
