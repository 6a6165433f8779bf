from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from jena_etl.errors import ProjectError
from jena_etl.evaluation.intervals import Comparison, Interval, Verdict
from jena_etl.evaluation.leaderboard import (
    COLUMNS,
    SEED_COLUMNS,
    Entry,
    about_intervals,
    as_csv,
    as_markdown,
    as_metrics,
    best_on_validation,
    read_leaderboard,
    read_spread,
    title,
)
from jena_etl.evaluation.metrics import Scores
from jena_etl.evaluation.prediction_intervals import IntervalScores
from jena_etl.evaluation.predictions import NAIVE
from jena_etl.evaluation.spread import Spread
from jena_etl.ingest.source import SourceSummary
from jena_etl.prepare.outputs import Splits, StationList, WindowShape

ALONE = StationList(first=None, further=(), unseen=(), statistics="pooled")


def entry(
    name: str,
    validation: float,
    test: float,
    skill: float | None = 0.5,
    verdict: Verdict = "worse",
) -> Entry:
    mae = {"validation": validation, "test": test}
    scores = {
        split: Scores(mae=mae[split], rmse=1.0, bias=0.0, skill=skill, windows=7) for split in mae
    }
    comparison = Comparison(Interval(test - 0.25, test + 0.5), 7, Interval(0.125, 0.5), verdict)
    spread: IntervalScores | None = IntervalScores(coverage=0.7875, width=8.5, crps=1.5)
    if verdict == "unknown":
        comparison, spread = Comparison(None, None, None, verdict), None
    return Entry(name, 1_234, None if name == NAIVE else 5, scores, comparison, spread)


ENTRIES = [
    entry(NAIVE, 2.4, 2.6, 0.0),
    entry("worse", 2.5, 2.5, -0.04),
    entry("best", 2.1, 2.9, 0.125, "tie"),
    entry("alike", 2.1, 2.8, 0.125, "best"),
]


def test_best_first_by_validation_then_by_name() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(ENTRIES))))
    assert [row["architecture"] for row in rows] == ["alike", "best", "naive", "worse"]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0]["test_mae"] == "2.8"
    assert [row["best_epoch"] for row in rows] == ["5", "5", "", "5"]
    assert [row["against_best"] for row in rows] == ["best", "tie", "worse", "worse"]
    found = [rows[0][f"test_{what}"] for what in ("mae_low", "mae_high", "block_days")]
    assert found == ["2.55", "3.3", "7"]
    assert (rows[0]["test_difference_low"], rows[0]["test_difference_high"]) == ("0.125", "0.5")
    spread = [rows[0][f"test_{what}"] for what in ("crps", "coverage", "interval_width")]
    assert spread == ["1.5", "0.7875", "8.5"]


def test_the_best_is_that_of_the_validation_split() -> None:
    assert best_on_validation({e.architecture: e.validation_mae for e in ENTRIES}) == "alike"


def test_a_model_has_a_handful_of_metrics() -> None:
    assert as_metrics(ENTRIES[2]) == {
        "validation_mae": 2.1,
        "test_mae": 2.9,
        "validation_skill": 0.125,
        "test_skill": 0.125,
        "test_mae_low": 2.65,
        "test_mae_high": 3.4,
        "best_epoch": 5,
    }


def test_the_leaderboard_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.csv"
    with pytest.raises(ProjectError, match="not built yet; build it: dvc repro evaluate"):
        read_leaderboard(path)
    path.write_text(as_csv(ENTRIES))
    assert len(read_leaderboard(path)) == 4
    assert read_leaderboard(path)[0]["architecture"] == "alike"
    whole = as_csv(ENTRIES)
    for damaged in ("rank,architecture\n1,alike\n", whole[: whole.rindex(",")]):
        path.write_text(damaged)
        with pytest.raises(ProjectError, match="damaged; build it again: dvc repro -f evaluate"):
            read_leaderboard(path)


def test_a_model_worse_than_naive_is_marked() -> None:
    lines = as_markdown(ENTRIES, "what", None, ALONE).splitlines()
    marked = [line for line in lines if "beaten by naive" in line]
    (line,) = marked
    assert line.startswith("| 4 | worse (beaten by naive) | 1,234 | 5 | 2.500 | 2.500 |")
    assert line.endswith("| 2.250 to 3.000 | worse | -0.040 | -0.040 | 1.500 | 78.8% |")
    heads = next(line for line in lines if "architecture" in line)
    assert heads.count("|") == line.count("|")


def test_what_cannot_be_told_apart_is_said() -> None:
    lines = as_markdown(ENTRIES, "what", None, ALONE).splitlines()
    assert "| 2.550 to 3.300 | the best |" in lines[6]
    assert "| 2.650 to 3.400 | not distinguishable |" in lines[7]
    assert "blocks of 7 days" in lines[-3]
    assert "within the 80% prediction interval" in lines[-1]
    assert "blocks of 3 to 9 days" in about_intervals([None, 9, 3])


def test_a_short_test_split_has_no_intervals() -> None:
    short = [entry("any", 1.0, 1.0, verdict="unknown")]
    lines = as_markdown(short, "what", None, ALONE).splitlines()
    assert lines[-3] == (
        "The test split has fewer than 60 days of forecasts, too few for an interval."
    )
    assert lines[6].count("|") == lines[4].count("|")
    assert as_csv(short).splitlines()[1].endswith(",,,,,,unknown,,,")
    assert as_metrics(short[0])["test_mae_low"] is None


def test_a_perfect_naive_forecast_leaves_the_skill_out() -> None:
    line = as_markdown([entry("any", 1.0, 1.0, None)], "what", None, ALONE).splitlines()[6]
    assert line.startswith("| 1 | any (beaten by naive) | 1,234 | 5 | 1.000 | 1.000 |")
    assert line.endswith("| worse |  |  | 1.500 | 78.8% |")


def source(*, synthetic: bool) -> SourceSummary:
    return SourceSummary(name="a.zip", synthetic=synthetic, files=(), members=())


def test_the_title_tells_policy_and_synthetic_data() -> None:
    splits = Splits.model_construct(  # type: ignore[call-arg]  # what a title tells
        target="T (degC)",
        policy="strict",
        gaps="keep",
        window=WindowShape(sequence_length=120, sampling_rate=6, horizon=24, sequence_stride=1),
    )
    made_up = title(splits, source(synthetic=True), ALONE)
    assert made_up == "T (degC), 24 steps of 6 rows ahead, policy strict, a.zip (synthetic data)"
    dropped = title(splits.model_copy(update={"gaps": "drop"}), source(synthetic=False), ALONE)
    assert dropped.endswith("policy strict, a.zip, windows across gaps dropped")
    assert "synthetic" not in title(splits, source(synthetic=False), ALONE)


def repeated(name: str, validation: float, mean: float, std: float = 0.125) -> Entry:
    """An architecture trained with three seeds."""
    seeds = {"validation": Spread(mean, std, 3), "test": Spread(mean + 1, std, 3)}
    return replace(entry(name, validation, validation + 1), seeds=seeds)


SEVERAL_SEEDS = [
    entry(NAIVE, 2.4, 2.6, 0.0),
    repeated("lucky", 2.0, 2.5),
    repeated("even", 2.2, 2.25),
]


def test_several_seeds_rank_by_their_mean() -> None:
    """The model of `seed` may have been lucky: that one is not the best architecture."""
    rows = list(csv.DictReader(io.StringIO(as_csv(SEVERAL_SEEDS))))
    assert [row["architecture"] for row in rows] == ["even", "naive", "lucky"]
    assert [row["validation_mae"] for row in rows] == ["2.2", "2.4", "2.0"]
    assert [[row[name] for name in SEED_COLUMNS] for row in rows] == [
        ["3", "2.25", "0.125", "3.25", "0.125"],
        [""] * 5,
        ["3", "2.5", "0.125", "3.5", "0.125"],
    ]
    assert best_on_validation({e.architecture: e.validation_mae for e in SEVERAL_SEEDS}) == "even"
    lines = as_markdown(SEVERAL_SEEDS, "what", None, ALONE).splitlines()
    assert lines[-5:-2] == [
        "|:--|--:|--:|",
        "| even | 2.250 ± 0.125 | 3.250 ± 0.125 |",
        "| lucky | 2.500 ± 0.125 | 3.500 ± 0.125 |",
    ]
    assert "## Mean and standard deviation over 3 seeds" in lines
    metrics = as_metrics(SEVERAL_SEEDS[1])
    assert [metrics[name] for name in SEED_COLUMNS] == [3, 2.5, 0.125, 3.5, 0.125]


def test_the_spread_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.csv"
    path.write_text(as_csv(SEVERAL_SEEDS))
    even, naive, _ = read_leaderboard(path)
    assert read_spread(even, "test") == Spread(3.25, 0.125, 3)
    assert read_spread(naive, "test") is None


def test_one_seed_leaves_no_trace() -> None:
    assert as_csv(ENTRIES).splitlines()[0] == ",".join(COLUMNS)
    assert not set(SEED_COLUMNS) & set(as_metrics(ENTRIES[2]))
    assert "seeds" not in as_markdown(ENTRIES, "what", None, ALONE)
