"""SeriesWindows as users meet it: explicit keyword arguments and a short repr."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from jena_etl import Project
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.reader import phase_major
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows

ROWS = np.arange(60, dtype=np.float32)
WINDOWS = SeriesWindows(
    features=phase_major(np.stack([ROWS, -ROWS], axis=1), 2),
    targets=ROWS,
    spec=WindowSpec(sequence_length=5, sampling_rate=2, horizon=3),
    index=WindowIndex([range(20)]),
)
FORMS = ("batches", "dataset", "keras_dataset")


@pytest.mark.parametrize("form", FORMS)
def test_a_misspelt_keyword_is_named(form: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'shufle'"):
        getattr(WINDOWS, form)(shufle=True)


def test_a_project_takes_the_keywords_of_its_windows() -> None:
    expected = inspect.signature(SeriesWindows.batches).parameters
    for owner, form in [(SeriesWindows, form) for form in FORMS] + [
        (Project, form) for form in FORMS[:2]
    ]:
        found = dict(inspect.signature(getattr(owner, form)).parameters)
        found.pop("split", None)
        assert found == expected, form
    assert not any(argument.kind is argument.VAR_KEYWORD for argument in expected.values())


def test_keywords_reach_the_batches() -> None:
    last = list(WINDOWS.batches(4, shuffle=True, seed=1, epoch=2, order="reversed", shard=(1, 2)))
    first = next(iter(WINDOWS.batches(4, shuffle=True, seed=1, epoch=2, start_batch=2)))
    whole = list(WINDOWS.batches(4, shuffle=True, seed=1, epoch=2))
    assert first[1].tolist() == whole[2][1].tolist()
    every_other = np.concatenate([targets for _, targets in whole])[1::2]
    assert np.concatenate([targets for _, targets in last]).tolist() == every_other.tolist()
    backwards = np.concatenate([inputs for inputs, _ in whole])[1::2, ::-1]
    assert np.array_equal(np.concatenate([inputs for inputs, _ in last]), backwards)


def test_repr_is_one_line() -> None:
    assert repr(WINDOWS) == (
        "<SeriesWindows: 20 windows of (5, 2), WindowSpec(sequence_length=5, sampling_rate=2, "
        "horizon=3, sequence_stride=1)>"
    )
