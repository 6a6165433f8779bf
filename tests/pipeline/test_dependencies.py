"""What dvc.yaml declares is what shapes an output: that is rerun for, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from jena_etl.project import Project
from jena_etl.project_paths import ITEM
from jena_etl.training.checkpoint import run_key
from tests.warm_python import NEW_PYTHON

MODELS = "src/jena_etl/models"
# What every stage imports and none declares: it carries outputs and does not shape them. So it is
# with every `__init__.py`, which only says what a folder holds.
PLUMBING = {
    "src/jena_etl/csv_dialect.py",  # of params.yaml, too
    "src/jena_etl/errors.py",
    "src/jena_etl/files.py",
    "src/jena_etl/fold_project.py",
    "src/jena_etl/horizon_project.py",
    "src/jena_etl/ingest/source.py",  # fields that convert fills
    "src/jena_etl/locks.py",
    "src/jena_etl/params.py",  # its values are params of the stages
    "src/jena_etl/prepare/outputs.py",  # fields that prepare's other modules fill
    "src/jena_etl/params_check.py",
    "src/jena_etl/params_rolling_origin.py",
    "src/jena_etl/params_stations.py",
    "src/jena_etl/project.py",
    "src/jena_etl/project_paths.py",
    "src/jena_etl/station_project.py",
    "src/jena_etl/signatures.py",
    "src/jena_etl/stage_output.py",
    "src/jena_etl/text.py",
    "src/jena_etl/training/processes.py",
    "src/jena_etl/training/run_log.py",
}
OF_REPEATS = {"src/jena_etl/fold_project.py", "src/jena_etl/horizon_project.py"}
# Stages that are not there unless params.yaml asks for them.
OF_STATIONS = {"download_station", "convert_station", "prepare_station"}
ELSEWHERE = OF_STATIONS | {"ensemble"}  # test_stations.py, test_ensembles.py
SWITCHED_ON = {"fold", "horizon", "train_fold", "train_horizon", "train_seed"} | ELSEWHERE
# What every stage imports with params.yaml, and those declare whose outputs it shapes: the names,
# units and history of features.
PARAMS_FEATURES, SHAPED_BY_FEATURES = (
    "src/jena_etl/params_features.py",
    {"features", "splits", "arrays", "fold", "horizon", "convert_station", "prepare_station"},
)

# Runs the stages that are named, one after another in a single process.
RUN_STAGES = """
import sys
from importlib import import_module
import pipeline
stages = sys.argv[1:]
for name in stages:
    sys.argv = [f"pipeline/{name}.py"]
    pipeline.run(import_module(f"pipeline.{name}").main)
print(len(stages), "stages")
"""


def shapes_an_output(path: str) -> bool:
    return path not in PLUMBING and not path.endswith("/__init__.py")


def imported_by_stage(repo: Any) -> dict[tuple[str, ...], set[str]]:
    """What each stage that has run imported of the project, by its name and arguments."""
    recorded = {}
    for file in repo.imports.glob("*.json"):
        record = json.loads(file.read_text())
        script = Path(record["argv"][0])
        if script.parent == repo.root / "pipeline":
            files = [script, *map(Path, record["files"])]
            own = [path for path in files if path.is_relative_to(repo.root)]
            imported = {path.relative_to(repo.root).as_posix() for path in own}
            recorded[script.stem, *record["argv"][1:]] = imported
    return recorded


def assert_declared(repo: Any, recorded: dict[tuple[str, ...], set[str]]) -> None:
    stages = YAML(typ="safe", pure=True).load(repo.root / "dvc.yaml")["stages"]
    for (name, *architecture), all_imported in recorded.items():
        declared = {dep for dep in declared_for(stages[name]) if dep.endswith(".py")}
        if architecture:
            declared = {ITEM.sub(architecture[0], dep) for dep in declared}
        imported = set(filter(shapes_an_output, all_imported))
        if name not in SHAPED_BY_FEATURES:
            imported.discard(PARAMS_FEATURES)
        if MODELS in declared_for(stages[name]):  # the whole folder
            imported = {path for path in imported if not path.startswith(f"{MODELS}/")}
        assert imported == declared, name


def declared_for(stage: Any) -> list[str]:
    found: list[str] = stage.get("do", stage)["deps"]  # of a foreach
    return found


def stage_names(repo: Any) -> list[str]:
    return list(YAML(typ="safe", pure=True).load(repo.root / "dvc.yaml")["stages"])


def test_what_a_stage_imports_is_declared_or_plumbing(built: Any) -> None:
    recorded = imported_by_stage(built)
    assert {name for name, *_ in recorded} == set(stage_names(built)) - SWITCHED_ON
    assert_declared(built, recorded)
    assert set().union(*recorded.values()) >= PLUMBING - OF_REPEATS  # no file that is gone


@pytest.mark.nightly
def test_so_is_what_a_stage_imports_that_has_to_be_switched_on(repeated: Any) -> None:
    recorded = imported_by_stage(repeated)
    assert {name for name, *_ in recorded} >= SWITCHED_ON - ELSEWHERE
    assert_declared(repeated, recorded)
    assert set().union(*recorded.values()) >= OF_REPEATS


def test_plumbing_reruns_nothing(repo: Any) -> None:
    """A reworded message, a help text, another path: `dvc status` stays clean, checkpoints fit."""
    key = key_of_dense(repo)
    source = repo.root / "src/jena_etl"
    edited = {repo.root / path for path in PLUMBING} | set(source.rglob("__init__.py"))
    edited -= {repo.root / MODELS / "__init__.py"}  # of that folder `check` reads everything
    edited |= {source / "cli.py", repo.root / "pipeline/__init__.py", *source.glob("commands/*.py")}
    for path in edited:
        path.write_text(path.read_text() + "# edited\n")
    assert "Data and pipelines are up to date" in repo.dvc("status")
    assert key_of_dense(repo) == key


def test_what_shapes_an_output_reruns_what_reads_it(repo: Any) -> None:
    key = key_of_dense(repo)
    path = repo.root / "src/jena_etl/windows/index.py"
    path.write_text(path.read_text() + "# edited\n")
    changed = json.loads(repo.dvc("status", "--json"))
    stale = {"splits", "baseline", "train@dense", "train@lstm"}
    assert {name for name, what in changed.items() if "index.py" in json.dumps(what)} == stale
    assert key_of_dense(repo) != key


def key_of_dense(repo: Any) -> str:
    return run_key(Project(repo.root).training_dependencies("dense"))


@pytest.mark.slow
def test_training_alone_needs_tensorflow(repo: Any) -> None:
    """Every other stage runs where neither it nor Keras can be imported."""
    environment = {"UNIMPORTABLE": "jax keras tensorflow"}
    stages = [name for name in stage_names(repo) if name not in SWITCHED_ON | {"train"}]
    shown = repo.run(str(NEW_PYTHON), "-c", RUN_STAGES, *stages, **environment)
    assert shown.endswith(f"{len(stages)} stages\n"), shown
