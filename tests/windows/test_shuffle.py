"""The order of an epoch is a permutation, and looks like a random one."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from jena_etl.windows.shuffle import shuffled


def order(n: int, *, seed: int = 0, epoch: int = 0) -> np.ndarray:
    return shuffled(np.arange(n), n, seed=seed, epoch=epoch)


def chi_square(counts: np.ndarray) -> float:
    """The chi-square statistic of counts that should be equal."""
    expected = counts.mean()
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_every_window_comes_once_for_any_number_of_windows(seed: int) -> None:
    for n in range(1, 301):
        for epoch in (0, 1, 2**31):
            assert sorted(order(n, seed=seed, epoch=epoch).tolist()) == list(range(n))


@pytest.mark.parametrize("n", [209_511, 10**6 - 1, 10**6, 10**6 + 1, 1_000_003])
def test_every_window_comes_once_for_many_windows(n: int) -> None:
    found = order(n, seed=3)
    assert found.dtype == np.int64
    assert (np.bincount(found, minlength=n) == 1).all()


@pytest.mark.parametrize("n", [2**31 - 1, 2**31, 2**40 + 1, 2**53 + 3, 2**62])
def test_positions_of_a_series_that_does_not_fit_into_memory(n: int) -> None:
    positions = np.concatenate([np.arange(50_000), np.arange(n - 50_000, n)])
    found = shuffled(positions, n, seed=1, epoch=0)
    assert found.min() >= 0
    assert found.max() < n
    assert len(np.unique(found)) == len(positions)
    assert abs(found.mean() / n - 0.5) < 0.01


def test_some_positions_give_that_part_of_the_whole_order() -> None:
    whole = order(1000, seed=5, epoch=3)
    some = np.array([[7, 999], [0, 7]])
    assert shuffled(some, 1000, seed=5, epoch=3).tolist() == whole[some].tolist()
    assert shuffled(np.array(7), 1000, seed=5, epoch=3) == whole[7]
    assert shuffled(np.array([], dtype=int), 1000, seed=5, epoch=3).shape == (0,)
    assert some.tolist() == [[7, 999], [0, 7]]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_orders_of_a_few_windows_are_equally_frequent(n: int) -> None:
    orders = list(itertools.permutations(range(n)))
    epochs = 100 * len(orders)
    found = Counter(tuple(order(n, seed=1, epoch=epoch).tolist()) for epoch in range(epochs))
    counts = np.array([found[permutation] for permutation in orders])
    # The mean is k - 1 and the variance 2 (k - 1): four standard deviations above the mean.
    assert chi_square(counts) <= len(orders) - 1 + 4 * np.sqrt(2 * (len(orders) - 1))


@pytest.mark.parametrize("n", [5, 7, 12, 17])
def test_every_window_is_equally_often_at_each_position(n: int) -> None:
    """There are too many orders of five windows or more to count each of them."""
    orders = np.array([order(n, seed=1, epoch=epoch) for epoch in range(100 * n)])
    table = np.stack([np.bincount(column, minlength=n) for column in orders.T])
    freedom = (n - 1) ** 2
    assert chi_square(table.ravel()) <= freedom + 4 * np.sqrt(2 * freedom)
    if n == 5:
        assert len(np.unique(orders, axis=0)) > 110  # of 120


@pytest.mark.parametrize("n", [9_973, 10_000, 16_384, 100_003])
def test_each_tenth_of_an_epoch_comes_from_all_tenths(n: int) -> None:
    for seed, epoch in [(0, 0), (0, 1), (1, 0)]:
        found = order(n, seed=seed, epoch=epoch)
        parts = np.arange(n) * 10 // n, found * 10 // n
        table = np.histogram2d(*parts, bins=10)[0].ravel()
        # 81 degrees of freedom, four standard deviations either way: too even is not random either.
        assert 81 - 4 * np.sqrt(162) < chi_square(table) < 81 + 4 * np.sqrt(162)


@pytest.mark.parametrize("n", [10_000, 209_511])
def test_neighbours_have_nothing_in_common(n: int) -> None:
    for seed, epoch in [(0, 0), (0, 1), (42, 9)]:
        found = order(n, seed=seed, epoch=epoch).astype(float)
        for lag in (1, 2, 3, int(np.sqrt(n)), int(np.sqrt(n)) + 1, 256):
            assert abs(np.corrcoef(found[:-lag], found[lag:])[0, 1]) < 4.5 / np.sqrt(n)
        assert abs(np.corrcoef(found, np.arange(n))[0, 1]) < 4.5 / np.sqrt(n)
        steps = np.abs(np.diff(found))
        # Random windows are n / 3 apart on average, and neighbours about twice in an epoch.
        assert abs(steps.mean() / n - 1 / 3) < 0.01
        assert (steps == 1).sum() < 12


def test_orders_of_other_seeds_and_epochs_are_unrelated() -> None:
    """They are not the same, shifted or reversed: no sum or difference is frequent."""
    n = 2_000
    keys = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2**32 - 1, 0), (0, 2**32 - 1), (2, 0)]
    orders = [order(n, seed=seed, epoch=epoch) for seed, epoch in keys]
    for one, other in itertools.combinations(orders, 2):
        for again in (other, other[::-1]):
            for relation in ((one - again) % n, (one + again) % n):
                # One of each is expected; the most frequent of 2,000 comes about 7 times.
                assert np.bincount(relation, minlength=n).max() <= 14
            assert abs(np.corrcoef(one, again)[0, 1]) < 0.1


def test_there_is_one_fixed_point_on_average() -> None:
    found = [int((order(500, epoch=epoch) == np.arange(500)).sum()) for epoch in range(400)]
    assert abs(np.mean(found) - 1) < 0.25  # as in any permutation, +- 1 / sqrt(400)


def test_numpys_random_state_is_not_changed() -> None:
    np.random.seed(5)  # noqa: NPY002  the state that must stay as it is
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    order(100)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002
