"""The clock of a series, counted by hand."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.ingest.timestamps import SHOWN
from jena_etl.ingest.timestamps import timestamp_card as card_with_rows

NOTHING = {"count": 0, "longest": []}


def at(*minutes: int) -> np.ndarray:
    """Timestamps so many minutes after midnight of 1 January 2009."""
    return np.datetime64("2009-01-01T00:00:00", "s") + np.array(minutes) * np.timedelta64(60, "s")


def timestamp_card(timestamps: np.ndarray) -> dict[str, Any]:
    """The card without its rows, which must be as many as were counted."""
    card = card_with_rows(timestamps)
    for kind in ("holes", "irregular", "repeats"):
        assert len(card[kind].pop("rows")) == card[kind]["count"]
    for gap in (*card["holes"]["longest"], *card["irregular"]["longest"]):
        assert str(timestamps[gap.pop("row")]) == gap["after"]
    return card


def test_regular_timestamps() -> None:
    assert timestamp_card(at(0, 10, 20, 30)) == {
        "step_seconds": 600,
        "holes": NOTHING,
        "repeats": {"count": 0, "first": None, "last": None},
        "irregular": NOTHING,
    }


def test_one_row_has_no_step_and_two_rows_make_one() -> None:
    assert timestamp_card(at(5)) == timestamp_card(at(0, 10)) | {"step_seconds": None}
    assert timestamp_card(at(0, 7))["step_seconds"] == 420
    twice = timestamp_card(at(5, 5))
    assert twice["step_seconds"] is None
    assert twice["repeats"]["count"] == 1
    assert twice["holes"] == twice["irregular"] == NOTHING


def test_holes_and_irregular_steps() -> None:
    # 20 -> 40 is two steps: one row missing. 50 -> 95 is 4.5. 95 -> 102 and 102 -> 121 are
    # neither the step nor two of them.
    card = timestamp_card(at(0, 10, 20, 40, 50, 95, 102, 121, 131))
    assert card["step_seconds"] == 600
    assert card["holes"] == {
        "count": 2,
        "longest": [
            {"after": "2009-01-01T00:50:00", "seconds": 2700, "rows_missing": 3},
            {"after": "2009-01-01T00:20:00", "seconds": 1200, "rows_missing": 1},
        ],
    }
    assert card["irregular"] == {
        "count": 2,
        "longest": [
            {"after": "2009-01-01T01:42:00", "seconds": 1140},
            {"after": "2009-01-01T01:35:00", "seconds": 420},
        ],
    }


def test_a_block_logged_twice_is_neither_hole_nor_irregular() -> None:
    # After 30 the logger writes 10 and 20 again and goes on at 40: from 20 to 40 no row is missing.
    card = timestamp_card(at(0, 10, 20, 30, 10, 20, 40, 50))
    assert card["repeats"] == {
        "count": 2,
        "first": "2009-01-01T00:10:00",
        "last": "2009-01-01T00:20:00",
    }
    assert card["holes"] == card["irregular"] == NOTHING


def test_a_hole_behind_a_repeat_is_found() -> None:
    card = timestamp_card(at(0, 10, 20, 10, 20, 50, 60))
    assert card["holes"]["longest"] == [
        {"after": "2009-01-01T00:20:00", "seconds": 1800, "rows_missing": 2}
    ]
    assert card["repeats"]["count"] == 2


def test_many_holes_are_counted_and_the_longest_listed() -> None:
    minutes = [0]
    for hole in range(2, 2 + SHOWN + 5):
        minutes += [minutes[-1] + 10 * hole + step for step in (0, 10, 20)]
    card = timestamp_card(at(*minutes))
    assert card["holes"]["count"] == SHOWN + 5
    missing = [hole["rows_missing"] for hole in card["holes"]["longest"]]
    assert missing == list(range(SHOWN + 5, 5, -1))


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), max_size=20),
)
def test_every_row_and_every_step_is_counted_once(gaps: list[int], again: list[int]) -> None:
    times = np.concatenate([[0], np.cumsum(gaps)])
    rows = [*times, *(times[row % len(times)] for row in again)]
    card = timestamp_card(at(*rows))
    step, count = Counter(gaps).most_common(1)[0]
    assert Counter(gaps)[card["step_seconds"] // 60] == count
    if list(Counter(gaps).values()).count(count) == 1:
        assert card["step_seconds"] == 60 * step
    steps = sum(60 * gap == card["step_seconds"] for gap in gaps)
    assert len(gaps) == steps + card["holes"]["count"] + card["irregular"]["count"]
    assert len(rows) == 1 + len(gaps) + card["repeats"]["count"]


def test_rows_of_what_is_found() -> None:
    # Rows 4 and 5 repeat rows 1 and 2. After row 3 (30 minutes) 20 minutes pass, and 5 after row 7.
    card = card_with_rows(at(0, 10, 20, 30, 10, 20, 50, 60, 65, 75))
    assert card["repeats"]["rows"].tolist() == [4, 5]
    assert card["holes"]["rows"].tolist() == [3]
    assert card["irregular"]["rows"].tolist() == [7]
