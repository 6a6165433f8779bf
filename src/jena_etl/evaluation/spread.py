"""How far the scores of several trainings of an architecture lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from jena_etl.evaluation.metrics import Scores

ABOUT_SEEDS = (
    "Ranked by the mean on the validation split. A lead that is smaller than the standard "
    "deviation may come from the seed. Everything else is about the models of `seed`."
)


@dataclass(frozen=True)
class Spread:
    """The mean absolute errors of several trainings of an architecture, in the target's unit.

    Attributes:
        mean: their mean.
        std: their sample standard deviation, in which the squares are divided by count - 1; None
            for a single training.
        count: the number of trainings.
    """

    mean: float
    std: float | None
    count: int


def spread(values: Sequence[float]) -> Spread:
    """The mean and spread of one or more values.

    >>> spread([2.0, 3.0, 4.0])
    Spread(mean=3.0, std=1.0, count=3)
    """
    std = statistics.stdev(values) if len(values) > 1 else None
    return Spread(statistics.fmean(values), std, len(values))


def mae_spread(trainings: Sequence[dict[str, Scores]]) -> dict[str, Spread]:
    """The spread of the MAE of two or more trainings, by split."""
    return {split: spread([scores[split].mae for scores in trainings]) for split in trainings[0]}


def seeds_title(count: int) -> str:
    """What stands above the table of the spread."""
    return f"Mean and standard deviation over {count} seeds"


def spread_text(found: Spread) -> str:
    """A mean and its standard deviation."""
    return f"{found.mean:.3f}" + ("" if found.std is None else f" ± {found.std:.3f}")
