"""The order of an epoch, as a pure function of (seed, epoch)."""

from __future__ import annotations

import numpy as np


def epoch_order(windows: int, *, seed: int, epoch: int) -> np.ndarray:
    """A permutation of range(windows): int64 of shape (windows,).

    Seed and epoch are mixed by NumPy's SeedSequence, so neighbours have nothing in common.
    """
    return np.random.default_rng([seed, epoch]).permutation(windows)
