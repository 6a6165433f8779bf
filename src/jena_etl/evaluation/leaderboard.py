"""The leaderboard: all architectures and baselines, best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jena_etl.errors import ProjectError
from jena_etl.evaluation.ensemble import as_sum
from jena_etl.evaluation.intervals import FEWEST_DAYS, LEVEL, RESAMPLES, Comparison, Interval
from jena_etl.evaluation.lead_times import PREFIX as LEAD_TIME
from jena_etl.evaluation.lead_times import LeadTimeScores
from jena_etl.evaluation.lead_times import as_markdown as lead_times_markdown
from jena_etl.evaluation.metrics import Scores, skill_text
from jena_etl.evaluation.prediction_intervals import COVERAGE, IntervalScores
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED
from jena_etl.evaluation.rolling_origin import PREFIX as FOLD
from jena_etl.evaluation.rolling_origin import FoldScores
from jena_etl.evaluation.rolling_origin import as_markdown as folds_markdown
from jena_etl.evaluation.spread import ABOUT_SEEDS, Spread, seeds_title, spread_text
from jena_etl.evaluation.stations import PREFIX as STATION
from jena_etl.evaluation.stations import StationScores
from jena_etl.evaluation.stations import as_markdown as stations_markdown
from jena_etl.files import not_built
from jena_etl.prepare.outputs import Splits, StationList
from jena_etl.text import markdown, markdown_table, printable

if TYPE_CHECKING:
    from jena_etl.ingest.source import SourceSummary

SCORES = ("mae", "skill", "rmse", "bias")
COLUMNS = (
    "rank",
    "architecture",
    "kind",
    "parameters",
    "best_epoch",
    *(f"{split}_{score}" for score in SCORES for split in SCORED),
    "test_mae_low",
    "test_mae_high",
    "test_block_days",
    "test_difference_low",
    "test_difference_high",
    "against_best",
    "test_crps",
    "test_coverage",
    "test_interval_width",
)
# Only there if the architectures were trained with further seeds.
SEED_COLUMNS = (
    "seeds",
    *(f"{split}_mae_{what}" for split in SCORED for what in ("mean", "std")),
)
FURTHER = (FOLD, LEAD_TIME, STATION)  # how the names of all others begin
VERDICTS = {
    "best": "the best",
    "tie": "not distinguishable",
    "worse": "worse",
    "better": "better",
    "unknown": "",
}

ABOUT_PREDICTION_INTERVALS = (
    "CRPS (the continuous ranked probability score, lower is better) and coverage are those of the "
    "test split, with the errors on the validation split around each forecast: the coverage is the "
    f"share of the observations that lie within the {COVERAGE:.0%} prediction interval."
)


@dataclass(frozen=True)
class Entry:
    """One line of the leaderboard.

    Attributes:
        architecture: its name, or that of a baseline or an ensemble.
        parameters: the number of trainable parameters; 0 for a baseline.
        best_epoch: the epoch whose weights were kept, from 1; None for others.
        scores: by split.
        comparison: of its test forecasts with those of the architecture that is best on the
            validation split.
        intervals: the scores of its prediction intervals on the test split; None if the validation
            split has too few windows to make any.
        seeds: by split, the spread of the MAE over all seeds that the architecture was trained
            with; None if that is one, and for a baseline. All else is about the model of `seed`.
        folds: its scores in the folds of the rolling origin; None if there are none.
        lead_times: its scores by lead time; None if there is one.
        stations: its scores by station; None if there is one.
        weights: of an ensemble's members, by name; empty for others.
    """

    architecture: str
    parameters: int
    best_epoch: int | None
    scores: dict[str, Scores]
    comparison: Comparison
    intervals: IntervalScores | None = None
    seeds: dict[str, Spread] | None = None
    folds: FoldScores | None = None
    lead_times: LeadTimeScores | None = None
    stations: StationScores | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What it is: a baseline, a model, or an ensemble of models."""
        if self.architecture in BASELINES:
            return "baseline"
        return "ensemble" if self.weights else "model"

    @property
    def validation_mae(self) -> float:
        """What it is ranked by: the MAE on the validation split, averaged over the seeds."""
        return self.seeds["validation"].mean if self.seeds else self.scores["validation"].mae

    @property
    def is_beaten(self) -> bool:
        """Whether the naive forecast is at least as good on the validation split."""
        score = self.scores["validation"]
        # The naive forecast is perfect on a target that never changes.
        return self.architecture != NAIVE and (score.skill is None or score.skill <= 0)

    def figures(self) -> dict[str, float | None]:
        """The scores by the names of their columns, "validation_mae" and so on."""
        scores = {
            f"{split}_{score}": getattr(self.scores[split], score)
            for score in SCORES
            for split in SCORED
        }
        low, high = self.comparison.mae or (None, None)
        return scores | {"test_mae_low": low, "test_mae_high": high}

    def seed_figures(self) -> dict[str, float | None]:
        """The spread over the seeds by the names of SEED_COLUMNS; None without further seeds."""
        if not self.seeds:
            return dict.fromkeys(SEED_COLUMNS)
        spreads = [self.seeds[split] for split in SCORED]
        figures = [figure for found in spreads for figure in (found.mean, found.std)]
        return dict(zip(SEED_COLUMNS, [spreads[0].count, *figures], strict=True))


def best_on_validation(mae: Mapping[str, float]) -> str:
    """The name with the lowest validation MAE; of equal ones the first in the alphabet."""
    return min(mae, key=lambda name: (mae[name], name))


def ranked(entries: list[Entry]) -> list[Entry]:
    """Sort by validation MAE, best first, and equal scores by name."""
    return sorted(entries, key=lambda e: (e.validation_mae, e.architecture))


def title(splits: Splits, source: SourceSummary, stations: StationList) -> str:
    """A line that says what was forecast, under which policy, on which file or stations."""
    text = (
        f"{splits.target}, {splits.window.horizon} steps of {splits.window.sampling_rate} rows "
        f"ahead, policy {splits.policy}, {stations.named or source.name}"
    )
    if splits.gaps == "drop":
        text += ", windows across gaps dropped"
    return printable(text) + (" (synthetic data)" if source.synthetic else "")


def as_csv(entries: list[Entry]) -> str:
    """The leaderboard for programs and for `dvc plots`."""
    several_seeds = any(entry.seeds for entry in entries)
    extra = [*(SEED_COLUMNS if several_seeds else ()), *_further_figures(entries[0])]
    rows: list[list[object]] = [[*COLUMNS, *extra]]
    for rank, entry in enumerate(ranked(entries), start=1):
        named = [rank, entry.architecture, entry.kind, entry.parameters, entry.best_epoch]
        found = entry.comparison
        compared = [found.block_days, *(found.difference or (None, None)), found.verdict]
        own = entry.intervals
        spread = [own.crps, own.coverage, own.width] if own else [None] * 3
        repeated = [*(entry.seed_figures().values() if several_seeds else ())]
        repeated += _further_figures(entry).values()
        rows.append([*named, *entry.figures().values(), *compared, *spread, *repeated])
    return csv_text(rows)


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """These rows as a CSV; the first one names the columns."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _further_figures(entry: Entry) -> dict[str, float | None]:
    """The scores in the folds, by lead time and by station, by the names of their columns."""
    further = (entry.folds, entry.lead_times, entry.stations)
    return {name: figure for one in further if one for name, figure in one.figures().items()}


def read_leaderboard(path: Path) -> list[dict[str, str]]:
    """Read the rows of the leaderboard, best first, by the names of their columns.

    Raises:
        ProjectError: the file is missing or damaged; names the command that builds it.
    """
    if not path.is_file():
        raise not_built(path, "evaluate")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name for name in (rows or [{}])[0] if not str(name).startswith(FURTHER)}
    is_cut_off = any(None in row.values() for row in rows)
    if is_cut_off or columns not in (set(COLUMNS), {*COLUMNS, *SEED_COLUMNS}):
        raise ProjectError(f"{path.name} is damaged; build it again: dvc repro -f evaluate")
    return rows


def test_interval(row: dict[str, str]) -> Interval | None:
    """The interval of the test MAE in a row of the leaderboard, if there is one."""
    low, high = row["test_mae_low"], row["test_mae_high"]
    return Interval(float(low), float(high)) if low and high else None


def read_spread(row: dict[str, str], split: str) -> Spread | None:
    """The spread over the seeds in a row of the leaderboard, if there is one."""
    if not row.get("seeds"):
        return None
    mean, std = (float(row[f"{split}_mae_{what}"]) for what in ("mean", "std"))
    return Spread(mean, std, int(row["seeds"]))


def as_markdown(
    entries: list[Entry], heading: str, step_seconds: float | None, stations: StationList
) -> str:
    """The leaderboard for people.

    Args:
        entries: its lines, in any order.
        heading: what was forecast.
        step_seconds: the seconds from one sampled step to the next; None if that is not known.
        stations: the stations of the project.
    """
    entries = ranked(entries)
    heads = (
        "| | architecture | parameters | epoch | MAE validation | test "
        f"| {LEVEL:.0%} interval | against the best | skill validation | test "
        f"| CRPS test | {COVERAGE:.0%} coverage |"
    )
    lines = ["# Leaderboard", "", markdown(heading), "", heads]
    lines.append("|--:|:--|--:|--:|--:|--:|:-:|:--|--:|--:|--:|--:|")
    for rank, entry in enumerate(entries, start=1):
        validation, test = entry.scores["validation"], entry.scores["test"]
        remarks = [] if entry.kind == "model" else [entry.kind]
        remarks += ["beaten by naive"] if entry.is_beaten else []
        name = markdown(entry.architecture) + (f" ({', '.join(remarks)})" if remarks else "")
        lines.append(
            f"| {rank} | {name} | {entry.parameters:,} | {entry.best_epoch or ''} "
            f"| {validation.mae:.3f} | {test.mae:.3f} | {interval_text(entry.comparison.mae)} "
            f"| {VERDICTS[entry.comparison.verdict]} | {skill_text(validation.skill)} "
            f"| {skill_text(test.skill)} | {_spread(entry.intervals)} |"
        )
    lines += [
        "",
        "MAE in the target's unit; skill = 1 - MAE / the naive forecast's on the same windows.",
        "",
        about_intervals([entry.comparison.block_days for entry in entries]),
        "",
        ABOUT_PREDICTION_INTERVALS,
        *_weights_markdown(entries),
        *_seeds_markdown(entries),
        *stations_markdown({e.architecture: e.stations for e in entries if e.stations}, stations),
        *folds_markdown({e.architecture: e.folds for e in entries if e.folds}),
        *lead_times_markdown(
            {e.architecture: e.lead_times for e in entries if e.lead_times}, step_seconds
        ),
    ]
    return "\n".join(lines) + "\n"


def _weights_markdown(entries: list[Entry]) -> list[str]:
    """What each ensemble is made of; nothing if there are none."""
    found = [
        f"{markdown(entry.architecture)} = {markdown(as_sum(entry.weights))}, with the lowest "
        "squared error that such weights reach on the validation split."
        for entry in entries
        if entry.weights
    ]
    return [line for text in found for line in ("", text)]


def _seeds_markdown(entries: list[Entry]) -> list[str]:
    """A table of the spread over the seeds; nothing if there is one seed."""
    found = {entry.architecture: entry.seeds for entry in entries if entry.seeds}
    if not found:
        return []
    heads = ["architecture", "MAE validation", "test"]
    rows = [
        [name, *(spread_text(seeds[split]) for split in SCORED)] for name, seeds in found.items()
    ]
    title = f"## {seeds_title(next(iter(found.values()))['validation'].count)}"
    return ["", title, "", *markdown_table(heads, rows), "", ABOUT_SEEDS]


def interval_text(interval: Interval | None) -> str:
    """The ends of an interval, or nothing."""
    return "" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def about_intervals(block_days: list[int | None]) -> str:
    """How the intervals were made, for a reader of the leaderboard.

    Args:
        block_days: the block length of each interval; None where there is no interval.
    """
    lengths = sorted({days for days in block_days if days is not None})
    if not lengths:
        return (
            f"The test split has fewer than {FEWEST_DAYS} days of forecasts, too few for an "
            "interval."
        )
    blocks = f"{lengths[0]} to {lengths[-1]} days" if len(lengths) > 1 else f"{lengths[0]} days"
    blocks = "a day" if lengths == [1] else blocks
    return (
        f"Intervals of the MAE: circular block bootstrap with {RESAMPLES:,} resamples, blocks of "
        f"{blocks} by the autocorrelation of the daily errors. Against the best on the validation "
        "split: whether the interval of the difference of the two MAEs on the test split "
        "includes 0."
    )


def as_metrics(entry: Entry) -> dict[str, Any]:
    """The few figures of a model for `dvc metrics show`, which gives them a row of their own."""
    names = [f"{split}_{score}" for score in ("mae", "skill") for split in SCORED]
    names += ["test_mae_low", "test_mae_high"]
    figures = {name: entry.figures()[name] for name in names} | {"best_epoch": entry.best_epoch}
    figures |= entry.seed_figures() if entry.seeds else {}
    figures |= entry.folds.summary() if entry.folds else {}
    return figures | ({"weights": dict(entry.weights)} if entry.weights else {})


def _spread(found: IntervalScores | None) -> str:
    return f"{found.crps:.3f} | {found.coverage:.1%}" if found else "|"
