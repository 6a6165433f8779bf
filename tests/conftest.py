"""What several tests need: the checkout, the station data beside it, and a project folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# TensorFlow's start-up notes would drown a failing test's own words.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share the tests out by file: each worker reproduces tests/pipeline's repository once."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(item.path)))


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
