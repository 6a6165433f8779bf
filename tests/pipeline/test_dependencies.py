"""What a stage imports is declared in dvc.yaml: a change of code that matters runs it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def test_imports_are_declared(built: Any) -> None:
    stages = YAML(typ="safe", pure=True).load(built.root / "dvc.yaml")["stages"]
    stages["train"] = stages["train"]["do"]  # of a foreach
    recorded = {}
    for file in built.imports.glob("*.json"):
        record = json.loads(file.read_text())
        script = Path(record["argv"][0])
        if script.parent == built.root / "pipeline":
            own = [Path(f) for f in record["files"] if Path(f).is_relative_to(built.root)]
            imported = {path.relative_to(built.root).as_posix() for path in own}
            recorded[script.stem, *record["argv"][1:]] = imported
    assert {name for name, *_ in recorded} == set(stages)
    for (name, *architecture), imported in recorded.items():
        declared = set(stages[name]["deps"])
        if architecture:
            declared = {d.replace("${item}", architecture[0]) for d in declared}
        folders = {d for d in declared if (built.root / d).is_dir()}
        in_folders = {i for i in imported if any(i.startswith(f"{f}/") for f in folders)}
        assert imported - declared - in_folders == set(), name
        code = {d for d in declared if d.endswith(".py")}
        assert code - imported == set(), f"{name} declares what it does not import"


def test_training_alone_starts_tensorflow(built: Any) -> None:
    for file in built.imports.glob("*.json"):
        record = json.loads(file.read_text())
        stage = Path(record["argv"][0]).stem
        starts_tensorflow = any("/tensorflow/" in f for f in record["files"])
        assert starts_tensorflow == (stage == "train"), stage
