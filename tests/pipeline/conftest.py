"""A repository with the pipeline in it, reproduced once, and a copy of it for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.repository import Repo, built_once, unbuilt
from tests.warm_python import NEW_PYTHON


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Repo:
    """The pipeline, reproduced once for all workers, each stage by a new Python.

    It is for reading; a test that changes something or runs DVC takes a copy.
    """

    def build(folder: Path) -> None:
        repo = unbuilt(folder / "repo", checkout, "dense", "lstm")
        repo.python = NEW_PYTHON  # test_dependencies.py reads what each stage has imported
        repo.dvc("repro")
        repo.run("git", "add", ".")
        repo.run("git", "commit", "-q", "-m", "reproduced")

    return Repo(built_once(tmp_path_factory, "pipeline", build) / "repo")


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A copy that a test may change."""
    return built.copy(tmp_path / "repo")
