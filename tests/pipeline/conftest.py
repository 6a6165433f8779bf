"""A git repository with the pipeline in it, on a small synthetic file, reproduced once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from jena_etl.files import sha256_of
from jena_etl.ingest.synthetic import write_synthetic

ROWS = 3_000
COPIED = ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", ".dvc/config", "pipeline", "src")

# Writes, as each process ends, which of the project's modules it had imported; and lets it import
# none of those named in UNIMPORTABLE.
IMPORT_RECORDER = """
import atexit, json, os, sys

for name in os.environ.get("UNIMPORTABLE", "").split():
    sys.modules[name] = None

def record():
    if os.environ.get("RECORD_IMPORTS") and sys.argv[0].endswith(".py"):
        files = [getattr(m, "__file__", None) for m in list(sys.modules.values())]
        folder = os.environ["RECORD_IMPORTS"]
        with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as out:
            json.dump({"argv": sys.argv, "files": [f for f in files if f]}, out)

atexit.register(record)
"""


class Repo:
    """A scratch repository with the pipeline in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.imports = root.parent / f"{root.name}-imports"
        self.imports.mkdir(exist_ok=True)
        (self.imports / "sitecustomize.py").write_text(IMPORT_RECORDER, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """In which a command sees this repository's code, and stages leave what they import."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        imports = str(self.imports)
        return {**os.environ, "PATH": path, "PYTHONPATH": imports, "RECORD_IMPORTS": imports}

    def run(self, *command: str, fails: bool = False, cwd: str = ".", **environment: str) -> str:
        """Run a command in the repository or a folder of it; return stdout and stderr."""
        done = subprocess.run(
            command,
            cwd=self.root / cwd,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def dvc(self, *arguments: str, fails: bool = False) -> str:
        """Run DVC."""
        return self.run(sys.executable, "-m", "dvc", *arguments, fails=fails)

    def stages_run(self, output: str) -> list[str]:
        """The stages that a `dvc repro` ran, in order."""
        lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
        return [line.split("'")[1] for line in lines]

    def edit(self, change: Callable[[Any], None]) -> None:
        """Change params.yaml, comments kept."""
        yaml = YAML()
        path = self.root / "params.yaml"
        params = yaml.load(path)
        change(params)
        yaml.dump(params, path)

    def json(self, name: str) -> Any:
        """Read a JSON file."""
        return json.loads((self.root / name).read_text(encoding="utf-8"))

    def copy(self, target: Path) -> Repo:
        """The same repository, reproduced as this one is, in another folder."""
        shutil.copytree(self.root, target, symlinks=True)
        return Repo(target)

    def clone(self, target: Path) -> Repo:
        """What a colleague has after `git clone`: no data, no cache."""
        self.run("git", "clone", "-q", ".", str(target))
        return Repo(target)


def _small(params: Any, sha256: str, architectures: tuple[str, ...]) -> None:
    params["download"].update(url="station.zip", bytes=None, sha256=sha256)
    params["window"].update(sequence_length=12)
    params["architectures"] = list(architectures)
    for name in params["architectures"]:
        params["models"][name].update(epochs=2, units=2)


def unbuilt(root: Path, checkout: Path, *architectures: str) -> Repo:
    """A new repository with this checkout's pipeline, to train these architectures."""
    for name in COPIED:
        source, target = checkout / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    repo = Repo(root)
    write_synthetic(root / "station.zip", rows=ROWS, seed=1)
    sha256 = sha256_of(root / "station.zip")
    repo.edit(lambda params: _small(params, sha256, architectures))
    repo.run("git", "init", "-q", "-b", "main")
    repo.run("git", "config", "user.email", "test@example.org")
    repo.run("git", "config", "user.name", "test")
    return repo


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Repo:
    """The pipeline, reproduced once; tests that change something take a copy."""
    root = tmp_path_factory.mktemp("pipeline") / "repo"
    repo = unbuilt(root, checkout, "dense", "lstm")
    repo.dvc("repro")
    repo.run("git", "add", ".")
    repo.run("git", "commit", "-q", "-m", "reproduced")
    return repo


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A copy that a test may change."""
    return built.copy(tmp_path / "repo")
