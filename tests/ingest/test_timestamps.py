"""The clock of a series, counted by hand."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.ingest.timestamps import TimestampGap, timestamp_card


def at(*minutes: int) -> np.ndarray:
    """Timestamps so many minutes after midnight of 1 January 2009."""
    return np.datetime64("2009-01-01T00:00:00", "s") + np.array(minutes) * np.timedelta64(60, "s")


def gap(row: int, after: str, seconds: int, rows_missing: int = 0) -> TimestampGap:
    found = f"2009-01-01T{after}"
    return TimestampGap(row=row, after=found, seconds=seconds, rows_missing=rows_missing)


def test_regular_timestamps() -> None:
    card = timestamp_card(at(0, 10, 20, 30))
    assert card.step_seconds == 600
    assert card.holes == card.irregular == card.repeats.tolist() == []


def test_one_row_has_no_step_and_two_rows_make_one() -> None:
    one = timestamp_card(at(5))
    assert one.step_seconds is None
    assert one.holes == one.irregular == one.repeats.tolist() == []
    assert timestamp_card(at(0, 7)).step_seconds == 420
    twice = timestamp_card(at(5, 5))
    assert twice.step_seconds is None
    assert twice.repeats.tolist() == [1]
    assert twice.holes == twice.irregular == []


def test_holes_and_irregular_steps() -> None:
    # 20 -> 40 is two steps: one row missing. 50 -> 95 is 4.5. 95 -> 102 and 102 -> 121 are
    # neither the step nor two of them.
    card = timestamp_card(at(0, 10, 20, 40, 50, 95, 102, 121, 131))
    assert card.step_seconds == 600
    assert card.holes == [gap(4, "00:50:00", 2700, 3), gap(2, "00:20:00", 1200, 1)]
    assert card.irregular == [gap(6, "01:42:00", 1140), gap(5, "01:35:00", 420)]


def test_a_block_logged_twice_is_neither_hole_nor_irregular() -> None:
    # After 30 the logger writes 10 and 20 again and goes on at 40: from 20 to 40 no row is missing.
    card = timestamp_card(at(0, 10, 20, 30, 10, 20, 40, 50))
    assert card.repeats.tolist() == [4, 5]
    assert card.holes == card.irregular == []


def test_a_hole_behind_a_repeat_is_found() -> None:
    card = timestamp_card(at(0, 10, 20, 10, 20, 50, 60))
    assert card.holes == [gap(2, "00:20:00", 1800, 2)]
    assert card.repeats.tolist() == [3, 4]


def test_the_longest_come_first_and_of_equal_ones_the_earliest() -> None:
    card = timestamp_card(at(0, 10, 30, 40, 50, 80, 90, 110, 120))
    assert [hole.row for hole in card.holes] == [4, 1, 6]


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), max_size=20),
)
def test_every_row_and_every_step_is_counted_once(gaps: list[int], again: list[int]) -> None:
    times = np.concatenate([[0], np.cumsum(gaps)])
    rows = [*times, *(times[row % len(times)] for row in again)]
    card = timestamp_card(at(*rows))
    step, count = Counter(gaps).most_common(1)[0]
    assert Counter(gaps)[(card.step_seconds or 0) // 60] == count
    if list(Counter(gaps).values()).count(count) == 1:
        assert card.step_seconds == 60 * step
    steps = sum(60 * gap == card.step_seconds for gap in gaps)
    assert len(gaps) == steps + len(card.holes) + len(card.irregular)
    assert len(rows) == 1 + len(gaps) + len(card.repeats)


def test_rows_of_what_is_found() -> None:
    # Rows 4 and 5 repeat rows 1 and 2. After row 3 (30 minutes) 20 minutes pass, and 5 after row 7.
    card = timestamp_card(at(0, 10, 20, 30, 10, 20, 50, 60, 65, 75))
    assert card.repeats.tolist() == [4, 5]
    assert [hole.row for hole in card.holes] == [3]
    assert [step.row for step in card.irregular] == [7]
