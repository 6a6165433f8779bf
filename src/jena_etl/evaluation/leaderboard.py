"""The leaderboard: all architectures and the naive forecast, best first."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jena_etl.errors import ProjectError
from jena_etl.evaluation.predictions import NAIVE
from jena_etl.files import not_built
from jena_etl.prepare.outputs import Splits
from jena_etl.text import markdown, printable

if TYPE_CHECKING:
    from jena_etl.ingest.source import SourceSummary

COLUMNS = (
    "rank",
    "architecture",
    "parameters",
    "validation_mae",
    "test_mae",
    "validation_skill",
    "test_skill",
)


@dataclass(frozen=True)
class Entry:
    """One line of the leaderboard."""

    architecture: str
    parameters: int
    scores: dict[str, Any]

    @property
    def is_beaten(self) -> bool:
        """Whether the naive forecast is at least as good on the validation split."""
        score = self.scores["validation"]
        naive_is_perfect = score["skill"] is None  # on a target that never changes
        return self.architecture != NAIVE and (naive_is_perfect or score["skill"] <= 0)


def ranked(entries: list[Entry]) -> list[Entry]:
    """Sort by validation MAE, best first, and equal scores by name."""
    return sorted(entries, key=lambda e: (e.scores["validation"]["mae"], e.architecture))


def title(splits: Splits, source: SourceSummary) -> str:
    """A line that says what was forecast, under which policy, on which file."""
    text = (
        f"{splits.target}, {splits.window.horizon} steps of {splits.window.sampling_rate} rows "
        f"ahead, policy {splits.policy}, {source.name}"
    )
    if splits.gaps == "drop":
        text += ", windows across gaps dropped"
    return printable(text) + (" (synthetic data)" if source.synthetic else "")


def as_csv(entries: list[Entry]) -> str:
    """The leaderboard for programs and for `dvc plots`."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for rank, entry in enumerate(ranked(entries), start=1):
        validation, test = entry.scores["validation"], entry.scores["test"]
        figures = [validation["mae"], test["mae"], validation["skill"], test["skill"]]
        rows.writerow([rank, entry.architecture, entry.parameters, *figures])
    return text.getvalue()


def as_markdown(entries: list[Entry], heading: str) -> str:
    """The leaderboard for people."""
    lines = [
        "# Leaderboard",
        "",
        markdown(heading),
        "",
        "| | architecture | parameters | MAE validation | test | skill validation | test |",
        "|--:|:--|--:|--:|--:|--:|--:|",
    ]
    for rank, entry in enumerate(ranked(entries), start=1):
        validation, test = entry.scores["validation"], entry.scores["test"]
        name = markdown(entry.architecture) + (" (beaten by naive)" if entry.is_beaten else "")
        lines.append(
            f"| {rank} | {name} | {entry.parameters:,} | {validation['mae']:.3f} "
            f"| {test['mae']:.3f} | {_skill(validation)} | {_skill(test)} |"
        )
    lines += [
        "",
        "MAE in the target's unit; skill = 1 - MAE / the naive forecast's on the same windows.",
    ]
    return "\n".join(lines) + "\n"


def as_metrics(entries: list[Entry], heading: str) -> dict[str, Any]:
    """The compact figures for `dvc metrics` and `dvc exp show`."""
    return {"scored": heading} | {
        entry.architecture: {split: entry.scores[split]["mae"] for split in ("validation", "test")}
        for entry in ranked(entries)
    }


def _skill(score: dict[str, Any]) -> str:
    return "" if score["skill"] is None else f"{score['skill']:+.3f}"


def read_ranking(path: Path) -> list[str]:
    """The names of the architectures in leaderboard.csv, best on validation first.

    Raises:
        ProjectError: the file is missing or damaged; names the command that builds it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names = [row["architecture"] for row in csv.DictReader(file)]
    except FileNotFoundError:
        raise not_built(path, "evaluate") from None
    except (KeyError, ValueError, csv.Error):
        names = []
    if not names:
        raise ProjectError(f"{path.name} is damaged; build it again: dvc repro -f evaluate")
    return names
