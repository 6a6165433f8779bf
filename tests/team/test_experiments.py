"""Experiments that one colleague queues and the other one takes."""

from __future__ import annotations

import csv
import time

import pytest

from tests.pipeline.repository import Repo
from tests.team.conftest import Team, documented

UNITS = {3, 4, 5}
METRIC = "reports/metrics/dense.json:validation_mae"


def run_queue(repo: Repo, start: str) -> None:
    """Let two workers run what is in the queue.

    They sometimes end before it is empty (dvc#10398) and are then started again.
    """
    repo.type(start)
    without_workers = 0
    while "Queued" in (status := repo.dvc("queue", "status")) or "Running" in status:
        without_workers = without_workers + 1 if "0 active, 0 idle" in status else 0
        if without_workers == 5:
            repo.type("dvc queue start")
            without_workers = 0
        time.sleep(1)


def experiments(repo: Repo) -> dict[int, dict[str, str]]:
    """The rows of `dvc exp show` that have a score, by the units of dense."""
    table = repo.dvc("exp", "show", "--csv")
    rows = csv.DictReader(table[table.index("Experiment,") :].splitlines())
    return {
        int(row["models.dense.units"]): row for row in rows if row["Experiment"] and row[METRIC]
    }


def validation_mae(leaderboard: str) -> float:
    """That of dense."""
    (row,) = [r for r in csv.DictReader(leaderboard.splitlines()) if r["architecture"] == "dense"]
    return float(row["validation_mae"])


@pytest.mark.nightly
def test_experiments_between_clones(team: Team) -> None:
    alice, bob = team.alice, team.bob
    params = (alice.root / "params.yaml").read_bytes()
    queue, start, show, *between_clones = documented("Experiments")
    # An experiment sometimes fails before it has begun (dvc#10673) and is then queued again.
    for name in ("dense", "again", "once-more"):
        queued = UNITS - set(experiments(alice))
        if queued:
            line = queue.replace("3,4,5", ",".join(map(str, sorted(queued))))
            alice.type(line.replace("--name dense", f"--name {name}"))
            run_queue(alice, start)
    found = experiments(alice)
    assert set(found) == UNITS
    assert len({row[METRIC] for row in found.values()}) == len(UNITS)
    assert (alice.root / "params.yaml").read_bytes() == params  # they ran in folders of their own
    # Alice shares one of them; git keeps no branch for it.
    name = found[4]["Experiment"]
    assert name in alice.type(show)
    push, *bobs = (line.replace("dense-2", name) for line in between_clones)
    see, pull, apply, branch = bobs
    alice.type(push)
    assert alice.run("git", "branch", "--remotes", "--format=%(refname:short)") == "origin/main\n"
    assert name in bob.type(see)
    # Bob takes it with its data and models, and trains nothing.
    bob.type(pull)
    assert set(experiments(bob)) & UNITS == {4}
    bob.type(apply)
    assert bob.run("git", "diff", "--numstat", "params.yaml") == "1\t1\tparams.yaml\n"
    board = (bob.root / "reports/leaderboard.csv").read_text()
    assert validation_mae(board) == pytest.approx(float(found[4][METRIC]))
    bob.dvc("pull")
    assert bob.stages_run(bob.dvc("repro")) == ["report"]  # the queue's target was evaluate
    # Or he turns it into a branch, for a pull request.
    bob.type(branch)
    assert bob.run("git", "show", "four-units:reports/leaderboard.csv") == board
