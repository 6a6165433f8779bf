"""The ensemble: a weighted mean of several models' forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from jena_etl.evaluation.predictions import Predictions


def ensemble_weights(validation: Mapping[str, Predictions]) -> dict[str, float]:
    """The non-negative weights with sum 1 that have the lowest squared error on validation.

    Models that err at different times correct each other, so their mean is better than most of
    them, and often than all (J. M. Bates and C. W. J. Granger, The Combination of Forecasts, 1969).
    Weights that may be negative fit the validation split better and the next one worse (L. Breiman,
    Stacked Regressions, 1996); a model that adds nothing gets the weight 0.

    Args:
        validation: the forecasts of the validation split, by member; at least one.
    """
    names = list(validation)
    errors = np.stack([part.errors() for part in validation.values()])
    products = errors @ errors.T / errors.shape[1]
    best, lowest = np.zeros(len(names)), np.inf
    # Without the condition on the sign, the weights of a group of members have a closed form. The
    # best weights of all are those of the group that holds just the members with a weight above 0.
    for size in range(1, len(names) + 1):
        for group in combinations(range(len(names)), size):
            inner = products[np.ix_(group, group)]
            # The pseudo-inverse also copes with members that make the same forecasts.
            found = np.linalg.pinv(inner, hermitian=True).sum(axis=1)
            if size > 1 and not (found.sum() > 0 and (found >= 0).all()):
                continue
            found = found / found.sum() if size > 1 else np.ones(1)
            if (error := float(found @ inner @ found)) < lowest:
                best, lowest = np.zeros(len(names)), error
                best[list(group)] = found
    return {name: float(weight) for name, weight in zip(names, best, strict=True)}


def as_sum(weights: Mapping[str, float]) -> str:
    """What an ensemble is made of, for a reader.

    >>> as_sum({"lstm": 0.75, "dense": 0.25})
    '0.75 lstm + 0.25 dense'
    """
    return " + ".join(f"{weight:.2f} {name}" for name, weight in weights.items())


def weighted_mean(weights: Mapping[str, float], members: Mapping[str, Predictions]) -> Predictions:
    """The ensemble's forecasts of one split, from its members' forecasts of that split."""
    first = next(iter(members.values()))
    mean = sum(
        weight * members[name].prediction.astype(np.float64) for name, weight in weights.items()
    )
    return replace(first, prediction=np.asarray(mean, np.float32))
