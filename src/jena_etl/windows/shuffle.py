"""The order of an epoch as a pure function of (seed, epoch, position).

No permutation is stored. Instead, a keyed bijection of range(n) is computed for the positions that
are asked for, so reading can resume at any place, or be shared among workers, in O(1) memory. The
bijection is a generalised Feistel network over pairs of numbers whose ranges multiply to n or
slightly more (J. Black, P. Rogaway: Ciphers with Arbitrary Finite Domains, 2002). A result that is
not in range(n) is enciphered again until it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

ROUNDS = 6  # must be even; four already pass the tests, and two more cost 20 ns per index


def shuffled(positions: np.ndarray, n: int, *, seed: int, epoch: int) -> np.ndarray:
    """The items at `positions` of an epoch's shuffled order.

    Over all positions of range(n) this is a permutation. Seed and epoch are mixed by NumPy's
    SeedSequence, so the orders of neighbouring seeds and epochs have nothing in common.

    Args:
        positions: int64 of any shape, each in range(n).
        n: how many items there are.
        seed: 0 to 2**32 - 1; a larger one would share orders with other epochs of a smaller one.
        epoch: 0 to 2**32 - 1.

    Returns:
        int64 of the same shape, each in range(n).
    """
    rows = math.isqrt(n - 1) + 1
    shape = np.uint64(rows), np.uint64(-(-n // rows))  # their product is n, or less than n + rows
    keys = np.random.SeedSequence([seed, epoch]).generate_state(ROUNDS, np.uint64)
    out = _encipher(np.asarray(positions, dtype=np.uint64), shape, keys)
    while (outside := out >= n).any():
        out[outside] = _encipher(out[outside], shape, keys)
    return out.astype(np.int64)


def _encipher(
    values: np.ndarray, shape: tuple[np.uint64, np.uint64], keys: np.ndarray
) -> np.ndarray:
    left, right = np.divmod(np.atleast_1d(values), shape[1])
    for even, odd in keys.reshape(-1, 2):
        left = (left + _mix(right + even)) % shape[0]
        right = (right + _mix(left + odd)) % shape[1]
    out: np.ndarray = (left * shape[1] + right).reshape(values.shape)
    return out


def _mix(values: np.ndarray) -> Any:
    """splitmix64's finaliser (S. Vigna), halved so that adding a smaller number cannot overflow."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (values ^ (values >> np.uint64(31))) >> np.uint64(1)
