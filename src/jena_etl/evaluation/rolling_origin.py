"""The scores of a forecast in the folds of the rolling origin."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jena_etl.evaluation.metrics import read_mae, skill_of, skill_text
from jena_etl.evaluation.predictions import NAIVE
from jena_etl.evaluation.spread import Spread, spread, spread_text
from jena_etl.text import markdown_table

# The columns of the leaderboard, which are only there if there are folds, begin with this.
PREFIX = "rolling_origin_"
TITLE = "Rolling origin"
ABOUT = (
    "Each was trained anew on the rows before a date, and scored on the rows that follow it: mean "
    "and standard deviation of the MAE over the dates, and the MAE of each. Skill is 1 - mean MAE "
    "/ the naive forecast's. Nothing is ranked by it, as these rows may belong to the test split."
)


@dataclass(frozen=True)
class FoldScores:
    """The mean absolute errors of a forecast in the folds, in the target's unit.

    Attributes:
        mae: on the scored rows of each fold, by its origin.
        naive_mae: the naive forecast's on the same windows.
    """

    mae: dict[str, float]
    naive_mae: dict[str, float]

    @property
    def spread(self) -> Spread:
        """Mean and standard deviation over the folds, each of which counts the same."""
        return spread(list(self.mae.values()))

    @property
    def skill(self) -> float | None:
        """1 - mean MAE / the naive forecast's; None if the naive forecast is perfect."""
        return skill_of(self.spread.mean, statistics.fmean(self.naive_mae.values()))

    def summary(self) -> dict[str, float | None]:
        """The figures over all folds, by the names of their columns."""
        found = self.spread
        figures = {"mae_mean": found.mean, "mae_std": found.std, "skill": self.skill}
        return {f"{PREFIX}{name}": figure for name, figure in figures.items()}

    def figures(self) -> dict[str, float | None]:
        """All columns: the summary, and the MAE of each fold."""
        return self.summary() | {f"{PREFIX}mae_{at}": mae for at, mae in self.mae.items()}


def read_fold_scores(rows: Sequence[Mapping[str, str]]) -> dict[str, FoldScores]:
    """The scores in the folds from the rows of the leaderboard, by name; none without folds."""
    by_name = read_mae(rows, rf"{PREFIX}mae_(.+\d)")  # ends with a date, and not with `mean`
    return {name: FoldScores(mae, by_name[NAIVE]) for name, mae in by_name.items()}


def table(scores: Mapping[str, FoldScores]) -> tuple[list[str], list[list[str]]]:
    """The heads and cells of a table of these scores, in the order given."""
    origins = next(iter(scores.values())).mae
    heads = ["architecture", "MAE, mean", "skill", *(f"from {origin}" for origin in origins)]
    cells = [
        [
            name,
            spread_text(found.spread),
            skill_text(found.skill),
            *(f"{mae:.3f}" for mae in found.mae.values()),
        ]
        for name, found in scores.items()
    ]
    return heads, cells


def as_markdown(scores: Mapping[str, FoldScores]) -> list[str]:
    """The lines of a section of the leaderboard; none without folds."""
    if not scores:
        return []
    return ["", f"## {TITLE}", "", *markdown_table(*table(scores)), "", ABOUT]
