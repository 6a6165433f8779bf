"""A repository with the pipeline in it, reproduced once, and a copy of it for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.repository import Repo, built_once, unbuilt

ORIGINS = ("2009-01-12", "2009-01-15T12")


def with_folds(params: Any) -> None:
    """Switch on two folds."""
    params["rolling_origin"].update(
        origins=list(ORIGINS), test_rows=600, validation_rows=400, gap=20
    )


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Repo:
    """The pipeline, reproduced once for all workers.

    It is for reading; a test that changes something or runs DVC takes a copy.
    """

    def build(folder: Path) -> None:
        repo = unbuilt(folder / "repo", checkout, "dense", "lstm")
        repo.dvc("repro")
        repo.commit("reproduced")

    return Repo(built_once(tmp_path_factory, "pipeline", build) / "repo")


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A copy that a test may change."""
    return built.copy(tmp_path / "repo")


@pytest.fixture(scope="session")
def repeated(built: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The pipeline with all that can be repeated, reproduced once; for reading, as `built` is.

    That is further seeds, folds and a further horizon.
    """

    def build(folder: Path) -> None:
        repo = built.copy(folder / "repo")
        repo.edit(lambda params: params.update(architectures=["dense"], further_seeds=[1, 2]))
        repo.edit(with_folds)
        repo.edit(lambda params: params.update(further_horizons=[6]))
        (repo.root / "repro.txt").write_text(repo.dvc("repro"))
        repo.commit("reproduced with repeats")

    return Repo(built_once(tmp_path_factory, "repeated", build) / "repo")
