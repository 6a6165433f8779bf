"""Which windows a batch holds, compared with lists cut by hand, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import WindowError
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.sampler import BatchSampler

RUNS = [range(5, 30, 2), range(40, 41), range(50, 90, 3)]
STARTS = [start for run in RUNS for start in run]
INDEX = WindowIndex(RUNS)


def sampler(**options: Any) -> BatchSampler:
    return BatchSampler(**{"index": INDEX, "batch_size": 4, **options})


def one_pass(batches: BatchSampler, epoch: int = 0) -> list[int]:
    found: list[int] = batches.starts(epoch, 0, batches.batches).tolist()
    return found


@given(st.integers(1, 40), st.integers(1, 9), st.data())
def test_batches_in_time_order_are_the_starts_cut_up(
    batch_size: int, count: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, count - 1))
    in_shard = STARTS[number::count]
    cut = [in_shard[at : at + batch_size] for at in range(0, len(in_shard), batch_size)]
    batches = sampler(batch_size=batch_size, shard=(number, count))
    assert batches.windows == len(in_shard)
    assert batches.batches == len(cut)
    assert [batches.starts(0, at, at + 1).tolist() for at in range(len(cut))] == cut
    first = data.draw(st.integers(0, len(cut)))
    last = data.draw(st.integers(first, len(cut) + 2))
    assert batches.starts(7, first, last).tolist() == [
        start for batch in cut[first:last] for start in batch
    ]


@given(st.integers(1, 9), st.booleans(), st.integers(0, 5), st.integers(0, 5))
def test_shards_are_disjoint_and_together_the_whole(
    count: int,
    shuffle: bool,  # noqa: FBT001
    seed: int,
    epoch: int,
) -> None:
    options = {"shuffle": shuffle, "seed": seed}
    shards = [one_pass(sampler(shard=(at, count), **options), epoch) for at in range(count)]
    assert sorted(start for shard in shards for start in shard) == STARTS
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    # The order that a single reader would see is dealt out to them in turn.
    whole = one_pass(sampler(**options), epoch)
    assert [whole[at::count] for at in range(count)] == shards


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31))
def test_an_epoch_is_every_window_once(seed: int, epoch: int) -> None:
    assert sorted(one_pass(sampler(shuffle=True, seed=seed), epoch)) == STARTS


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    orders = {
        (seed, epoch): one_pass(sampler(shuffle=True, seed=seed), epoch)
        for seed in (0, 1, 2)
        for epoch in (0, 1, 2)
    }
    assert len({tuple(order) for order in orders.values()}) == 9
    for (seed, epoch), expected in orders.items():
        for options in ({"batch_size": 1}, {"epoch": 5}, {"start_batch": 2}, {"batch_size": 99}):
            again = sampler(**{"shuffle": True, "seed": seed, **options})
            if again.start_batch < again.batches:
                assert one_pass(again, epoch) == expected


@pytest.mark.parametrize("name", ["batch_size", "seed", "epoch", "start_batch"])
@pytest.mark.parametrize("value", [-1, 1.0, "1", True, None, np.array(1), [1]])
def test_counts_are_whole_numbers(name: str, value: object) -> None:
    least = 1 if name == "batch_size" else 0
    with pytest.raises(WindowError) as caught:
        sampler(**{name: value})
    assert str(caught.value) == (
        f"`{name}` must be a whole number of at least {least}, found {value!r}"
    )


@pytest.mark.parametrize(
    "shard", [None, 3, (1,), (0, 1, 2), (0, 0), (0, 1.5), (-1, 2), "01", (2, 2), (0, 10**30)]
)
def test_a_shard_is_a_number_below_a_count(shard: object) -> None:
    with pytest.raises(WindowError) as caught:
        sampler(shard=shard)
    assert str(caught.value) == (
        f"`shard` must be (number, count), whole numbers with number below count, found {shard!r}"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be a whole number of at least 1, found 0"),
        ({"seed": 2**32}, "`seed` must be lower than 2**32, found 4294967296"),
        (
            {"shard": (28, 29)},
            (
                "no window is left: 28 windows for 29 shards; use longer data, shorter windows or "
                "fewer shards"
            ),
        ),
        (
            {"index": WindowIndex([])},
            (
                "no window is left: 0 windows for 1 shards; use longer data, shorter windows or "
                "fewer shards"
            ),
        ),
        (
            {"start_batch": 7, "epoch": 3},
            (
                "`start_batch` is 7, but a pass has 7 batches, 0 to 6; after the last one comes "
                "epoch 4, batch 0"
            ),
        ),
        (
            {"start_batch": 4, "shard": (1, 2)},
            (
                "`start_batch` is 4, but a pass has 4 batches, 0 to 3; after the last one comes "
                "epoch 1, batch 0"
            ),
        ),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    assert len(STARTS) == 28
    with pytest.raises(WindowError) as caught:
        sampler(**options)
    assert str(caught.value) == message


def test_short_numpy_integers_do_not_overflow() -> None:
    long = WindowIndex([range(100_000)])
    short = BatchSampler(
        index=long,
        batch_size=np.int8(100),  # type: ignore[arg-type]
        seed=np.uint8(200),  # type: ignore[arg-type]
        epoch=np.int8(127),  # type: ignore[arg-type]
        shuffle=True,
        shard=(np.int8(1), np.int8(2)),  # type: ignore[arg-type]
    )
    whole = BatchSampler(
        index=long, batch_size=100, seed=200, epoch=127, shuffle=True, shard=(1, 2)
    )
    assert short.batches == whole.batches == 500
    assert short.epoch + 1 == 128
    assert short.starts(127, 300, 302).tolist() == whole.starts(127, 300, 302).tolist()


def test_a_series_that_does_not_fit_into_memory() -> None:
    """No permutation is stored: the last batch of 2**50 windows takes no longer than the first."""
    huge = BatchSampler(
        index=WindowIndex([range(2**50)]), batch_size=1000, shuffle=True, start_batch=2**40
    )
    assert huge.batches == -(-(2**50) // 1000)
    last = huge.starts(0, huge.batches - 1, huge.batches)
    assert len(last) == 2**50 % 1000
    assert len(np.unique(last)) == len(last)
    assert 0 <= last.min() <= last.max() < 2**50
