"""What several tests need: the checkout, the station data beside it, and a project folder."""

from __future__ import annotations

import gc
import os
import pickle
import sys
from functools import reduce, wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from ruamel.yaml import YAML
from xdist import is_xdist_controller
from xdist.scheduler import LoadScopeScheduling

# `make test` takes the quick profile. Neither has a deadline, as a busy machine makes no test fail.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", patient, max_examples=100)
settings.register_profile("quick", patient, max_examples=20)
settings.load_profile("thorough")

# TensorFlow's start-up notes would drown a failing test's own words.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ROOT = Path(__file__).resolve().parents[1]
# Functions of large libraries, by module, which the measurement of coverage does not follow.
UNTRACED = {
    "dvc.repo": ("Repo.__init__",),
    "keras": (
        "Layer.__call__",
        "Model.evaluate",
        "Model.export",
        "Model.fit",
        "Model.predict",
        "Model.predict_on_batch",
        "Model.save",
        "saving.load_model",
        "utils.timeseries_dataset_from_array",
    ),
    "matplotlib.figure": ("Figure.savefig",),
    "ruamel.yaml": ("YAML.dump", "YAML.load"),
}
REPOSITORIES = ("tests/pipeline/", "tests/team/")  # folders whose tests run DVC in a repository
# Their fixtures that are built once for all workers: from nothing, and from a copy of these.
BUILT_FIRST = ("built", "first_hour")
BUILT_THEN = ("repeated", "three", "one_model_each", "published")


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


@pytest.hookimpl(trylast=True)  # after those that are not wanted (-m, -k) have been left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with a test for each repository that many copy; end with those that run DVC.

    So one worker builds a repository while the other ones have enough to do.
    """
    last = [item for item in items if item.nodeid.startswith(REPOSITORIES)]
    others = [item for item in items if item not in last]
    first, then = (_one_each(last, fixtures) for fixtures in (BUILT_FIRST, BUILT_THEN))
    items[:] = dict.fromkeys([*first, *others, *then, *last])


def _one_each(items: list[pytest.Item], fixtures: tuple[str, ...]) -> list[pytest.Item]:
    """For each of the fixtures, the first test that uses it, if there is one."""
    users = [
        [item for item in items if name in getattr(item, "fixturenames", ())] for name in fixtures
    ]
    return [found[0] for found in users if found]


def pytest_sessionstart() -> None:
    """Parse each text of YAML once: the tests read the same ones a thousand times."""
    parse, parsed = YAML.load, {}

    @wraps(parse)
    def load(yaml: YAML, stream: Any) -> Any:
        if not (isinstance(stream, str) and yaml.typ == ["safe"]):
            return parse(yaml, stream)
        key = yaml.pure, stream  # of two parsers, one in C
        if key not in parsed:
            parsed[key] = pickle.dumps(parse(yaml, stream))
        return pickle.loads(parsed[key])  # noqa: S301  written above; nobody changes another's

    YAML.load = load  # type: ignore[method-assign,assignment]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Where coverage is measured, measure our code and not that of the largest libraries.

    Measuring makes all Python code slower, and two to four times that which traces a graph, draws a
    picture or parses YAML, where none of ours runs but the callbacks of a training.
    """
    trace = sys.gettrace()
    hands_out_tests = is_xdist_controller(session)  # and runs none of them itself
    if trace is None or hands_out_tests:
        return
    sys.settrace(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "jax", None)  # TensorFlow would import it
        for module, functions in UNTRACED.items():
            for function in functions:
                _traced_by(None, import_module(module), function)
    for function in ("on_epoch_begin", "on_epoch_end"):
        _traced_by(trace, import_module("keras.callbacks"), f"CallbackList.{function}")
    gc.freeze()  # so that no garbage collection looks through what TensorFlow has made
    sys.settrace(trace)


def _traced_by(trace: Any, module: ModuleType, name: str) -> None:
    """Let a function of a library, when it is called, run under another trace function."""
    *owners, last = name.split(".")
    owner: Any = reduce(getattr, owners, module)
    function = getattr(owner, last)

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(before)

    setattr(owner, last, run)


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
