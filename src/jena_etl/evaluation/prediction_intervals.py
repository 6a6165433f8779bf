"""How far off a forecast may be: quantiles for any model, from its residuals on another split.

Split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, Journal of the American
Statistical Association 113, 2018): what the model was off by on the validation split, which its
weights were not fitted to, says what it will be off by. The ends are taken from the residuals and
not from their absolute values (as in Romano, Patterson and Candès, NeurIPS 2019), so a forecast
that is biased need not lie in the middle. docs/evaluation.md says what an interval promises.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jena_etl.evaluation.predictions import Predictions
from jena_etl.files import sha256_of
from jena_etl.stage_output import Count, Part, Sha256, StageOutput

COVERAGE = 0.8  # of the interval from the 10 to the 90% quantile
FEWEST = 9  # residuals; of fewer, none is low enough to be the 10% quantile
BLOCK = 1_000_000  # observations at once, so that the scores of millions need little memory

Floats = npt.NDArray[np.float64]


class Quantiles(Part):
    """The values below which 10, 50 and 90% of the cases lie, in the target's unit."""

    q10: float
    q50: float
    q90: float


class ResidualQuantiles(Quantiles):
    """The quantiles of observation - forecast on the validation split, to be added to a forecast.

    Attributes:
        windows: how many residuals they are taken from.
        model_sha256: the digest of the file of the model that made the forecasts, so that they are
            not added to those of another training; None for a baseline and an ensemble.
    """

    windows: Count
    model_sha256: Sha256 | None

    def around(self, forecasts: np.ndarray) -> np.ndarray:
        """The 10, 50 and 90% quantiles of each forecast, (windows,) -> float32 (windows, 3)."""
        offsets = np.array([self.q10, self.q50, self.q90])
        found: np.ndarray = forecasts.astype(np.float64)[:, None] + offsets
        return found.astype(np.float32)

    def coverage(self, residuals: Floats) -> float:
        """The share of the residuals that lie between the 10 and the 90% quantile."""
        return float(((residuals >= self.q10) & (residuals <= self.q90)).mean())


class PredictionIntervals(StageOutput, stage="evaluate"):
    """The residuals' quantiles of every model and baseline.

    Attributes:
        target: the column that is forecast, whose unit they have.
        residuals: by model and baseline.
    """

    target: str
    residuals: dict[str, ResidualQuantiles]


@dataclass(frozen=True)
class IntervalScores:
    """How good the intervals are on a split that they were not made from, in the target's unit.

    Attributes:
        coverage: the share of the observations within the interval, which should be COVERAGE.
        width: from its lower to its upper end.
        crps: the mean continuous ranked probability score of the forecast with all residuals of the
            validation split around it. Of a forecast without residuals it would be the MAE.
    """

    coverage: float
    width: float
    crps: float


def residuals_of(predictions: Predictions) -> Floats:
    """Observation - forecast, float64 of shape (windows,)."""
    return 0 - predictions.errors()  # and not its negative, which has zeros with a sign


def conformal_quantiles(residuals: Floats, model_sha256: str | None) -> ResidualQuantiles | None:
    """The quantiles of residuals, or None if there are too few.

    Of n residuals in ascending order, the k-th is not exceeded by a further one with a probability
    of k / (n + 1), if all n + 1 are exchangeable. So the ends are the residuals of rank
    floor(0.1 (n + 1)) and ceil(0.9 (n + 1)), and at least 80% of the further ones lie between them.

    >>> conformal_quantiles(np.arange(1.0, 20.0), None)
    ResidualQuantiles(q10=2.0, q50=10.0, q90=18.0, windows=19, model_sha256=None)

    Args:
        residuals: of shape (windows,).
        model_sha256: the digest of the model's file; None for a baseline.
    """
    if (count := len(residuals)) < FEWEST:
        return None
    ordered = np.sort(residuals)
    # Whole numbers, because 0.1 * 10 is not always 1 in floating point.
    ranks = ((count + 1) // 10, -(-(count + 1) // 2), -(-9 * (count + 1) // 10))
    q10, q50, q90 = (float(ordered[rank - 1]) for rank in ranks)
    return ResidualQuantiles(q10=q10, q50=q50, q90=q90, windows=count, model_sha256=model_sha256)


def interval_scores(
    quantiles: ResidualQuantiles, validation: Predictions, test: Predictions
) -> IntervalScores:
    """Score the intervals of a forecast, made from the validation split, on the test split."""
    residuals = residuals_of(test)
    return IntervalScores(
        coverage=quantiles.coverage(residuals),
        width=quantiles.q90 - quantiles.q10,
        crps=float(crps(residuals_of(validation), residuals).mean()),
    )


def crps(members: Floats, observed: Floats) -> Floats:
    """The continuous ranked probability score of one distribution, for each observation.

    It is E|X - y| - E|X - X'| / 2, with X and X' drawn from the distribution (Gneiting and Raftery,
    Journal of the American Statistical Association 102, 2007). Sums over the sorted members take
    the place of a table of all members and all observations.

    >>> crps(np.array([0.0, 2.0]), np.array([1.0, 4.0]))
    array([0.5, 2.5])

    Args:
        members: of the distribution, each equally likely, (members,).
        observed: (observations,).
    """
    ordered = np.sort(members)
    count = len(ordered)
    weights = 2 * np.arange(1, count + 1) - count - 1
    between_members = 2 * float((weights * ordered).sum()) / count**2
    sums = np.zeros(count + 1)
    np.cumsum(ordered, out=sums[1:])
    scores = np.empty(len(observed))
    for start in range(0, len(observed), BLOCK):
        # Ascending, as the search then finds its neighbours in the processor's cache.
        order = start + np.argsort(observed[start : start + BLOCK])
        block = observed[order]
        below = np.searchsorted(ordered, block)
        to_members = (block * (2 * below - count) + sums[-1] - 2 * sums[below]) / count
        scores[order] = to_members - between_members / 2
    return scores


def quantiles_of_model(
    model_file: Path, name: str, files: Iterable[Path]
) -> ResidualQuantiles | None:
    """The residuals' quantiles of the model in a file, if one of `files` has them.

    Args:
        model_file: the model's file, under whatever name.
        name: that of the architecture or the ensemble. An ensemble is known by its name alone,
            because its file is put together from its members' only after its forecasts have been
            scored.
        files: where the evaluate stage's `prediction_intervals.json` may be.

    Raises:
        ProjectError: one of them is damaged.
    """
    known = [PredictionIntervals.read(path).residuals for path in files if path.is_file()]
    by_digest = {found.model_sha256: found for models in known for found in models.values()}
    if by_digest and (found := by_digest.get(sha256_of(model_file))):
        return found
    named = (models[name] for models in known if name in models)
    return next((found for found in named if found.model_sha256 is None), None)
