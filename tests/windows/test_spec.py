from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import WindowError
from jena_etl.windows.spec import WindowSpec

small = st.integers(1, 9)
specs = st.builds(
    WindowSpec, sequence_length=small, sampling_rate=small, horizon=small, sequence_stride=small
)


@given(specs, st.integers(0, 300))
def test_count_agrees_with_a_walk_over_the_rows(spec: WindowSpec, rows: int) -> None:
    found = 0
    for start in range(0, rows, spec.sequence_stride):
        inputs = [start + step * spec.sampling_rate for step in range(spec.sequence_length)]
        if inputs[-1] + spec.horizon * spec.sampling_rate < rows:
            found += 1
    assert spec.count(rows) == found


@pytest.mark.parametrize("value", [0, -1, 1.0, "3", True, None])
def test_a_value_that_is_not_a_count_is_refused(value: object) -> None:
    with pytest.raises(
        WindowError, match=f"`horizon` must be a whole number of at least 1, found {value!r}"
    ):
        WindowSpec(sequence_length=3, horizon=value)  # type: ignore[arg-type]


@given(specs)
def test_the_drawing_names_the_rows(spec: WindowSpec) -> None:
    drawing = str(spec).splitlines()
    assert len(drawing) == 3
    assert drawing[0].endswith(f"+{spec.target}")
    assert f"+{spec.last_input}" in drawing[0]
    # Every mark is above its label and below its row.
    for mark in (at for at, sign in enumerate(drawing[1]) if sign in "●◆"):
        assert drawing[0][mark] == "+"
        assert drawing[2][mark] in "it"
