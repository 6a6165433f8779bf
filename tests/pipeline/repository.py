"""A scratch git repository with the pipeline in it, on a small synthetic file."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from importlib import import_module
from inspect import signature
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from ruamel.yaml import YAML

import pipeline
from jena_etl import cli
from jena_etl.files import sha256_of
from jena_etl.ingest.synthetic import write_synthetic
from jena_etl.report.figure import Picture
from tests.command_line import called
from tests.pipeline import dvc_process
from tests.warm_python import NEW_PYTHON, warm_python

ROWS = 3_000
COPIED = (
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    ".gitattributes",
    ".gitignore",
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots",
    "pipeline",
    "src",
)

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
    """A scratch repository with the pipeline in it.

    Attributes:
        root: its folder.
        python: what runs its stages; `NEW_PYTHON` where the tests' own would make a difference.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.python = warm_python()
        self.imports = root.parent / f"{root.name}-imports"
        self.imports.mkdir(exist_ok=True)
        (self.imports / "sitecustomize.py").write_text(IMPORT_RECORDER, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """In which a command sees this repository's code, and stages leave what they import.

        As in the environment of a user, there is no jax, which TensorFlow would import.
        """
        folders = dict.fromkeys([self.python.parent, NEW_PYTHON.parent])
        return {
            **os.environ,
            "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]),
            "PYTHONPATH": str(self.imports),
            "RECORD_IMPORTS": str(self.imports),
            "UNIMPORTABLE": "jax",
        }

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
        """Run DVC; return stdout and stderr."""
        with NamedTemporaryFile(mode="r", encoding="utf-8") as output:
            code = dvc_process.run(arguments, self.root, self.environment, Path(output.name))
            shown = output.read()
        assert (code != 0) == fails, shown
        return shown

    def stage(self, name: str, *arguments: str, fails: bool = False) -> str:
        """Run a stage on this repository, as `python -m` does but in this process.

        The report is without the pictures of the data, which take five times as long as the rest
        and are in the one that `dvc repro` builds.
        """
        main = import_module(f"pipeline.{name}").main
        names = list(signature(main).parameters)[2:]  # after the project and its params
        run = partial(pipeline.run, main, *names, root=self.root)
        with pytest.MonkeyPatch.context() as patch:
            if name.startswith("train"):
                # TensorFlow's threads are set before it starts, which another test of this process
                # may have made it do.
                patch.setattr("jena_etl.training.run.use_device", lambda *_, **__: "cpu")
            if name == "report":
                picture = Picture("splits-and-window", title="", caption="", svg="")
                patch.setattr("pipeline.report.draw_data", lambda *_: [picture])
            return self._here(run, f"pipeline/{name}.py", *arguments, fails=fails)

    def jena_etl(self, *arguments: str, fails: bool = False, cwd: str = ".") -> str:
        """Run `jena-etl` in this repository or a folder of it, and in this process."""
        return self._here(cli.run, "jena-etl", *arguments, fails=fails, cwd=cwd)

    def _here(self, command: Callable[[], None], *argv: str, fails: bool, cwd: str = ".") -> str:
        output = StringIO()
        folder = self.root / cwd
        code = called(command, list(argv), cwd=folder, stdout=output, stderr=output)
        shown = output.getvalue()
        assert (code != 0) == fails, shown
        return shown

    def type(self, line: str, *, fails: bool = False) -> str:
        """Run a line of commands joined by `&&`, as doctor advises it."""
        *first, last = [shlex.split(command) for command in line.split(" && ")]
        shown = [self._typed(*words) for words in first]
        return "".join([*shown, self._typed(*last, fails=fails)])

    def _typed(self, program: str, *arguments: str, fails: bool = False) -> str:
        if program == "dvc":
            return self.dvc(*arguments, fails=fails)
        if program == "jena-etl":
            return self.jena_etl(*arguments, fails=fails)
        return self.run(program, *arguments, fails=fails)

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

    def commit(self, message: str) -> None:
        """Commit all that git does not ignore, as few files, which are quick to copy."""
        self.run("git", "add", ".")
        self.run("git", "commit", "-q", "-m", message)
        self.run("git", "gc", "-q")

    def copy(self, target: Path, *, without: tuple[str, ...] = ()) -> Repo:
        """The same repository, reproduced as this one is, in another folder.

        Args:
            target: the folder.
            without: names of files and folders that are not copied.
        """
        shutil.copytree(self.root, target, symlinks=True, ignore=shutil.ignore_patterns(*without))
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
        block = params["models"][name]
        block.update(epochs=2, units=2)
        if "xla_on_cpu" in block:  # compiling takes longer than these few steps
            block["xla_on_cpu"] = False


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
    repo.run("git", "init", "-q", "-b", "main", "--template=")
    repo.run("git", "config", "user.email", "test@example.org")
    repo.run("git", "config", "user.name", "test")
    return repo


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """The folder that `build` fills, once for all of xdist's workers."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which all workers share
    folder = folder / name
    folder.mkdir(exist_ok=True)
    content, done = folder / "content", folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the worker that came first has built it
        if not done.exists():
            shutil.rmtree(content, ignore_errors=True)  # of a worker that has failed
            content.mkdir()
            build(content)
            done.touch()
    return content
