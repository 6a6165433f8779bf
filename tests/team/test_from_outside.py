"""What somebody has who knows no more of a project than the address of its git repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from ruamel.yaml import YAML

from jena_etl import open_project
from jena_etl.errors import ProjectError
from tests.pipeline.repository import Repo, built_once
from tests.team.conftest import ARCHITECTURES, Team

FEATURES = "data/processed/features.npy"


def _published(first_hour: Team, folder: Path) -> None:
    """Alice names the remote by an address that means the same everywhere, and tags a version."""
    folder.rmdir()
    team = first_hour.copy(folder)
    alice = team.alice
    alice.dvc("remote", "modify", "team", "url", str(team.remote))
    alice.run("git", "commit", "-q", "-am", "The remote's address")
    named = ("best-model@v1.0.0", "data-card@v1.0.0", "prediction-intervals@v1.0.0")
    for tag in ("v1", *named):
        alice.run("git", "tag", "-a", tag, "-m", "The first version")
    alice.run("git", "push", "-q", "--follow-tags")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, first_hour: Team) -> Team:
    """The first hour, with a version for others; for reading."""
    return Team(
        built_once(tmp_path_factory, "published", lambda folder: _published(first_hour, folder))
    )


@pytest.fixture
def outside(tmp_path: Path) -> Repo:
    """A folder that is neither a project nor a repository."""
    (tmp_path / "outside").mkdir()
    return Repo(tmp_path / "outside")


def test_the_best_model_and_the_data_card_by_name(published: Team, outside: Repo) -> None:
    alice = published.alice
    url = str(published.bare)
    outside.dvc("artifacts", "get", url, "best-model")
    outside.dvc("artifacts", "get", url, "data-card", "--rev", "v1.0.0")
    outside.dvc("get", url, "data/processed", "--rev", "v1")
    best = min(
        ARCHITECTURES, key=lambda name: alice.json(f"reports/metrics/{name}.json")["validation_mae"]
    )
    for ours, theirs in {
        "best_model.keras": f"models/{best}.keras",
        "data_card.json": "reports/data_card.json",
        "processed/features.npy": FEATURES,
    }.items():
        assert (outside.root / ours).read_bytes() == (alice.root / theirs).read_bytes()


def test_a_forecast_with_the_model_and_nothing_else(published: Team, outside: Repo) -> None:
    """The CSV's dialect is guessed, and the model's file says the rest."""
    with ZipFile(published.upstream / "station.zip") as station:
        (name,) = [name for name in station.namelist() if not name.startswith("__MACOSX")]
        station.extract(name, outside.root)
    outside.dvc("get", str(published.bare), "data/best_model.keras", "--rev", "v1")
    told = outside.jena_etl("forecast", "--model", "best_model.keras", "--source", name, "--json")
    there = published.alice.jena_etl("forecast", "--json")
    mine, theirs = (json.loads(text[text.index("{") :]) for text in (told, there))
    assert "read as guessed" in str(mine["warnings"])
    for key in ("model", "issued", "forecast", "naive"):
        assert mine[key] == theirs[key]
    assert mine["quantiles"] is None
    assert "fetched as prediction-intervals" in str(mine["warnings"])
    outside.dvc("artifacts", "get", str(published.bare), "prediction-intervals")
    told = outside.jena_etl("forecast", "--model", "best_model.keras", "--source", name, "--json")
    assert json.loads(told[told.index("{") :])["quantiles"] == theirs["quantiles"] is not None


def test_an_import_says_where_it_comes_from(published: Team, outside: Repo) -> None:
    outside.run("git", "init", "-q")
    outside.dvc("init", "-q")
    outside.dvc("import", str(published.bare), "data/best_model.keras", "--rev", "v1")
    record = YAML(typ="safe").load(outside.root / "best_model.keras.dvc")
    commit = published.alice.run("git", "rev-parse", "v1^{commit}").strip()
    assert record["deps"][0]["repo"]["rev_lock"] == commit
    fetched = (outside.root / "best_model.keras").read_bytes()
    assert fetched == (published.alice.root / "data/best_model.keras").read_bytes()


def test_windows_and_forecasts_of_another_repository(published: Team, tmp_path: Path) -> None:
    local = open_project(published.alice.root)
    opened = open_project(f"file://{published.bare}", rev="v1", cache_dir=tmp_path / "cache")
    pairs = zip(opened.batches("train", 64), local.batches("train", 64), strict=True)
    for (features, targets), (their_features, their_targets) in pairs:
        np.testing.assert_array_equal(features, their_features)
        np.testing.assert_array_equal(targets, their_targets)
    features, _ = next(iter(opened.dataset("test", batch_size=4)))
    np.testing.assert_array_equal(features.numpy(), next(iter(local.batches("test", 4)))[0])
    found, theirs = opened.forecaster(), local.forecaster()
    rows = np.random.default_rng(0).standard_normal((found.rows, 14)).T
    measured = dict(zip(found.metadata.columns, rows, strict=True))
    assert found.forecast(measured) == theirs.forecast(measured)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda stored: stored.unlink(), "the DVC remote does not hold it; .* type dvc push"),
        (lambda stored: stored.write_bytes(b"?" * stored.stat().st_size), "damaged"),
    ],
    ids=["never pushed", "damaged"],
)
def test_data_that_is_not_on_the_remote_as_it_was(
    published: Team, tmp_path: Path, spoil: Any, message: str
) -> None:
    copy = published.copy(tmp_path / "team")
    copy.alice.dvc("remote", "modify", "team", "url", str(copy.remote))
    copy.alice.run("git", "commit", "-q", "-am", "The copy's address")
    copy.alice.run("git", "push", "-q")
    lock = YAML(typ="safe").load(copy.alice.root / "dvc.lock")
    (md5,) = [out["md5"] for out in lock["stages"]["arrays"]["outs"] if out["path"] == FEATURES]
    stored = copy.remote / "files/md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    spoil(stored)
    with pytest.raises(ProjectError, match=message):
        open_project(copy.bare, rev="main", cache_dir=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("features.npy*"))
