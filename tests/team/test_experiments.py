"""Experiments that one colleague queues and the other one takes."""

from __future__ import annotations

import csv
import time

import pytest

from tests.pipeline.repository import Repo
from tests.team.conftest import Team

UNITS = (3, 4, 5)
METRIC = "reports/metrics/dense.json:validation_mae"


def wait(repo: Repo) -> None:
    """Wait until the queue's workers have run everything."""
    while "Queued" in (status := repo.dvc("queue", "status")) or "Running" in status:
        time.sleep(2)
    if "Failed" in status:
        logs = sorted((repo.root / ".dvc/tmp/exps/celery").glob("*.out"))
        pytest.fail("\n".join([status, *(path.read_text() for path in logs)]))


def experiments(repo: Repo) -> dict[str, dict[str, str]]:
    """The rows of `dvc exp show`, by the name of the experiment."""
    table = repo.dvc("exp", "show", "--csv")
    rows = csv.DictReader(table[table.index("Experiment,") :].splitlines())
    return {row["Experiment"]: row for row in rows if row["Experiment"]}


def validation_mae(leaderboard: str) -> str:
    """That of dense."""
    (row,) = [r for r in csv.DictReader(leaderboard.splitlines()) if r["architecture"] == "dense"]
    return row["validation_mae"]


def test_experiments_between_clones(team: Team) -> None:
    alice, bob = team.alice, team.bob
    params = (alice.root / "params.yaml").read_bytes()
    units = ",".join(map(str, UNITS))
    queue = ("exp", "run", "--queue", "--name", "dense", "-S", f"models.dense.units={units}")
    alice.dvc(*queue, "evaluate")
    alice.dvc("queue", "start", "-j", "2")
    wait(alice)
    assert (alice.root / "params.yaml").read_bytes() == params  # they ran in folders of their own
    found = experiments(alice)
    names = [f"dense-{number}" for number in (1, 2, 3)]
    assert [int(found[name]["models.dense.units"]) for name in names] == list(UNITS)
    assert len({found[name][METRIC] for name in names}) == len(UNITS)
    # Alice shares one of them; git keeps no branch for it.
    alice.dvc("exp", "push", "origin", "dense-2")
    assert alice.run("git", "branch", "--remotes", "--format=%(refname:short)") == "origin/main\n"
    assert "dense-2" in bob.dvc("exp", "list", "origin")
    # Bob takes it with its data and models, and trains nothing.
    bob.dvc("exp", "pull", "origin", "dense-2")
    assert [name for name in experiments(bob) if name in names] == ["dense-2"]
    bob.dvc("exp", "apply", "dense-2")
    assert bob.run("git", "diff", "--numstat", "params.yaml") == "1\t1\tparams.yaml\n"
    board = (bob.root / "reports/leaderboard.csv").read_text()
    assert float(validation_mae(board)) == pytest.approx(float(found["dense-2"][METRIC]))
    bob.dvc("checkout")
    assert bob.stages_run(bob.dvc("repro")) == ["report"]  # the queue's target was evaluate
    # Or he turns it into a branch, for a pull request.
    bob.dvc("exp", "branch", "dense-2", "four-units")
    assert bob.run("git", "show", "four-units:reports/leaderboard.csv") == board
