"""What several tests need: the checkout, the station data beside it, and a project folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# TensorFlow's start-up notes would drown a failing test's own words.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)  # pytest-xdist has a hook that reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share the tests out: a file to a worker, and those of tests/pipeline one by one.

    The first of these comes before all other tests: it builds the repository that the rest of them,
    which come last, copy.
    """
    pipeline = [item for item in items if ROOT / "tests/pipeline" in item.path.parents]
    building = [item for item in pipeline if "built" in getattr(item, "fixturenames", ())][:1]
    others = [item for item in items if item not in pipeline]
    for item in others:
        item.add_marker(pytest.mark.xdist_group(str(item.path)))
    items[:] = [*building, *others, *(item for item in pipeline if item not in building)]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def station_data() -> Path:
    """The recorded station files beside the checkout."""
    folder = ROOT.parent / "shared/data"
    if not folder.is_dir():
        pytest.skip("the recorded station files (../shared/data) are not here")
    return folder
