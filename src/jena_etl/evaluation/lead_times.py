"""The scores of a forecast by lead time: how far ahead it says what will be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jena_etl.evaluation.metrics import read_mae, skill_of, skill_text
from jena_etl.evaluation.predictions import NAIVE
from jena_etl.text import markdown_table

if TYPE_CHECKING:
    from jena_etl.prepare.data_card import DataCard
    from jena_etl.prepare.outputs import WindowShape

# The columns of the leaderboard, which are only there if there are further horizons, begin with
# this and end with the horizon in sampled steps.
PREFIX = "lead_time_"
TITLE = "MAE by lead time"
ABOUT = (
    "For each lead time, the time from the last input to the target, every architecture was "
    "trained anew: MAE on the test split, and skill, 1 - MAE / the naive forecast's at the same "
    "lead time. Nothing is ranked by it."
)


@dataclass(frozen=True)
class LeadTimeScores:
    """The mean absolute errors of a forecast on the test split, in the target's unit.

    Attributes:
        mae: by horizon, in sampled steps from the last input to the target, ascending.
        naive_mae: the naive forecast's on the same windows.
    """

    mae: dict[int, float]
    naive_mae: dict[int, float]

    @property
    def skill(self) -> dict[int, float | None]:
        """1 - MAE / the naive forecast's, by horizon; None where the naive forecast is perfect."""
        return {at: skill_of(mae, self.naive_mae[at]) for at, mae in self.mae.items()}

    def figures(self) -> dict[str, float | None]:
        """The scores by the names of their columns."""
        mae = {f"{PREFIX}mae_{at}": mae for at, mae in self.mae.items()}
        return mae | {f"{PREFIX}skill_{at}": skill for at, skill in self.skill.items()}


def read_lead_times(rows: Sequence[Mapping[str, str]]) -> dict[str, LeadTimeScores]:
    """The scores by name from the rows of the leaderboard; none without further horizons."""
    by_name = {
        name: {int(horizon): error for horizon, error in mae.items()}
        for name, mae in read_mae(rows, f"{PREFIX}mae_(.+)").items()
    }
    return {name: LeadTimeScores(mae, by_name[NAIVE]) for name, mae in by_name.items()}


def step_seconds(card: DataCard, window: WindowShape) -> float | None:
    """The seconds from one input of a window to the next; None if the series has no step."""
    return card.step_seconds and card.step_seconds * window.sampling_rate


def lead_time(horizon: int, seconds: float | None) -> str:
    """A horizon as a time, or in steps if the series has no common step.

    Args:
        horizon: in sampled steps.
        seconds: from one sampled step to the next; None if that is not known.

    >>> lead_time(24, 3600), lead_time(2, 600), lead_time(24, None)
    ('24 h', '20 min', '24 steps')
    """
    if seconds is None:
        return f"{horizon} step{'s' * (horizon > 1)}"
    minutes = horizon * seconds / 60
    return f"{minutes / 60:g} h" if minutes % 30 == 0 else f"{minutes:g} min"


def table(
    scores: Mapping[str, LeadTimeScores], seconds: float | None
) -> tuple[list[str], list[list[str]]]:
    """The heads and cells of a table of these scores, in the order given.

    `seconds` is that of `lead_time`.
    """
    times = [lead_time(at, seconds) for at in next(iter(scores.values())).mae]
    heads = ["architecture", *(f"{what} {time}" for what in ("MAE", "skill") for time in times)]
    cells = [
        [
            name,
            *(f"{mae:.3f}" for mae in found.mae.values()),
            *map(skill_text, found.skill.values()),
        ]
        for name, found in scores.items()
    ]
    return heads, cells


def as_markdown(scores: Mapping[str, LeadTimeScores], seconds: float | None) -> list[str]:
    """The lines of a section of the leaderboard; none without further horizons."""
    if not scores:
        return []
    return ["", f"## {TITLE}", "", *markdown_table(*table(scores, seconds)), "", ABOUT]
