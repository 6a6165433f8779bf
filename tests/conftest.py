"""What several tests need: the checkout, the station data beside it, and a project folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from xdist.scheduler import LoadScopeScheduling

# TensorFlow's start-up notes would drown a failing test's own words.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ROOT = Path(__file__).resolve().parents[1]
REPOSITORIES = ("tests/pipeline/", "tests/team/")  # folders whose tests run DVC in a repository


class Schedule(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests go to one worker together, but those that run DVC go one by one.

    The marks of `--dist loadgroup` have no effect with pytest 9.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(REPOSITORIES) else nodeid.split("::", maxsplit=1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule:
    """Hand the tests out in the order of the collection."""
    config.option.loadscopereorder = False
    return Schedule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with a test that builds the repository of tests/pipeline; end with those that copy it.

    So one worker builds it while the others have enough to do.
    """
    last = [item for item in items if item.nodeid.startswith(REPOSITORIES)]
    first = [item for item in last if "built" in getattr(item, "fixturenames", ())][:1]
    others = [item for item in items if item not in last]
    items[:] = [*first, *others, *(item for item in last if item not in first)]


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which the measurement of coverage does not follow."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        trace = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(trace)

    return run


@pytest.fixture(scope="session", autouse=True)
def yaml_is_untraced() -> Iterator[None]:
    """Measuring coverage makes all Python code slower, ruamel.yaml's three to four times."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load", "dump"):
            patch.setattr(YAML, name, untraced(getattr(YAML, name)))
        yield


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
