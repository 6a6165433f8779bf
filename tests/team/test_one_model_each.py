"""Alice and Bob each change a model: one takes the other's, or both are merged."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from jena_etl.commands.merge_lock import parse_lock, render_lock
from tests.pipeline.repository import Repo
from tests.team.conftest import Team, change, documented

pytestmark = pytest.mark.nightly

CHEAP = {"check", "evaluate", "report"}  # what a merge leaves to do; it trains nothing


@pytest.fixture
def team(one_model_each: Team, tmp_path: Path) -> Team:
    """A copy in which both have pushed a branch."""
    return one_model_each.copy(tmp_path / "team")


def scores(repo: Repo, rev: str = "") -> dict[str, float]:
    """Each architecture's MAE on the validation split, from the leaderboard of a commit."""
    path = "reports/leaderboard.csv"
    text = repo.run("git", "show", f"{rev}:{path}") if rev else (repo.root / path).read_text()
    return {
        row["architecture"]: float(row["validation_mae"])
        for row in csv.DictReader(text.splitlines())
    }


def lock(repo: Repo, rev: str = "") -> dict[str, Any]:
    path = "dvc.lock"
    return (
        parse_lock(
            repo.run("git", "show", f"{rev}:{path}") if rev else (repo.root / path).read_text()
        )
        or {}
    )


def diagnosis(repo: Repo) -> dict[str, dict[str, str]]:
    """What doctor finds, by check; something is wrong."""
    report = json.loads(repo.jena_etl("doctor", "--json", fails=True))
    return {check["name"]: check for check in report["checks"]}


def test_alice_sees_and_takes_bobs_model(team: Team) -> None:
    alice = team.alice
    alice.run("git", "switch", "-q", "main")
    alice.dvc("checkout")
    fetch, metrics, plots, merge, pull = documented("One changes a model, the other takes it")[4:]
    alice.type(fetch)
    # The numbers that both commits have of dense, and their difference.
    assert "reports/metrics/dense.json" in alice.type(metrics)
    shown = json.loads(alice.type(f"{metrics} --json"))
    ((path, scored),) = shown.items()
    assert path == "reports/metrics/dense.json"
    before, after = scores(alice)["dense"], scores(alice, "origin/dense")["dense"]
    assert before != after
    mae = scored["validation_mae"]
    assert (mae["old"], mae["new"]) == (before, after)
    assert mae["diff"] == pytest.approx(after - before)
    alice.type(plots)
    page = (alice.root / "dvc_plots/index.html").read_text()
    assert '"rev": "origin/dense"' in page
    # She takes it: two transfers, and nothing runs.
    rnn = (alice.root / "models/simple_rnn.keras").read_bytes()
    alice.type(merge)
    alice.type(pull)
    assert alice.stages_run(alice.dvc("repro")) == []
    assert scores(alice)["dense"] == after
    for name in ("models/dense.keras", "reports/index.html"):
        assert (alice.root / name).read_bytes() == (team.bob.root / name).read_bytes()
    assert (alice.root / "models/simple_rnn.keras").read_bytes() == rnn


def test_both_changes_are_merged_and_nothing_is_trained(team: Team) -> None:
    configure, merge, pull, reproduce, commit, push = documented("Both change something at once")
    # Alice merges Bob's branch; Bob rebases his on hers.
    rebase = merge.replace("merge", "rebase").replace("dense", "simple_rnn")
    for repo, join in (team.alice, merge), (team.bob, rebase):
        repo.type(configure)
        repo.run("git", "fetch", "-q")
        shown = repo.type(join)
        assert "dvc.lock: ran on both sides, left to dvc repro: evaluate, report" in shown
        assert repo.run("git", "status", "--porcelain") == ""
        repo.type(pull)
        assert set(repo.stages_run(repo.type(reproduce))) == CHEAP
        repo.type(commit)
        assert "Data and pipelines are up to date" in repo.dvc("status")
        for name in "dense", "simple_rnn":
            # Each model is the one trained on its branch, and so are its scores.
            rev = f"origin/{name}"
            assert lock(repo)[f"train@{name}"] == lock(repo, rev)[f"train@{name}"]
            assert scores(repo)[name] == scores(repo, rev)[name]
    assert lock(team.alice) == lock(team.bob)
    board = "reports/leaderboard.md"
    assert (team.alice.root / board).read_bytes() == (team.bob.root / board).read_bytes()
    team.alice.type(push)


def test_without_the_driver_doctor_merges(team: Team) -> None:
    alice = team.alice
    alice.run("git", "fetch", "-q")
    alice.run("git", "merge", "origin/dense", fails=True)
    assert "dvc.lock has a merge conflict" in diagnosis(alice)["dvc"]["found"]
    shown = alice.jena_etl("doctor", "--mend", fails=True)  # what is missing is a fault
    assert "left to dvc repro: evaluate, report" in shown
    advice = diagnosis(alice)["data"]["next"]
    assert advice.endswith(
        "dvc pull data/predictions/dense.parquet models/dense.keras && dvc repro"
    )
    fetch, repro = advice.rsplit(" && ", 1)
    alice.type(fetch)
    assert set(alice.stages_run(alice.type(repro))) == CHEAP
    alice.run("git", "commit", "-qam", "merged")
    assert alice.stages_run(alice.dvc("repro")) == []
    for name in "dense", "simple_rnn":
        assert lock(alice)[f"train@{name}"] == lock(alice, f"origin/{name}")[f"train@{name}"]


def test_both_changed_the_same_model(team: Team) -> None:
    """Carol has trained dense as well: her entry is made up, for it is not taken."""
    bob, carol = team.bob, team.clone("carol")
    change(carol, "models.dense.units", 4)
    stages = lock(carol)
    stages["train@dense"]["params"]["params.yaml"]["models.dense"]["units"] = 4
    for out in stages["train@dense"]["outs"]:
        out["md5"] = out["md5"][::-1]
    (carol.root / "dvc.lock").write_text(render_lock(stages))
    carol.run("git", "commit", "-qam", "dense with four units")
    carol.run("git", "push", "-q")
    bob.run("git", "fetch", "-q")
    bob.type(documented("Both change something at once")[0])
    ours = (bob.root / "dvc.lock").read_bytes()
    shown = bob.run("git", "merge", "origin/main", fails=True)
    assert "dvc.lock: changed on both sides, ours is kept: train@dense" in shown
    conflicts = bob.run("git", "diff", "--name-only", "--diff-filter=U").split()
    assert conflicts == ["dvc.lock", "params.yaml"]
    assert (bob.root / "dvc.lock").read_bytes() == ours
    # Bob decides for his number, and goes on as the message says.
    bob.run("git", "checkout", "-q", "--ours", "params.yaml")
    bob.run("git", "add", "params.yaml")
    bob.type("git add dvc.lock && dvc pull && dvc repro")
    assert (bob.root / "dvc.lock").read_bytes() == ours
    bob.run("git", "commit", "-q", "-m", "dense keeps three units")
    assert bob.run("git", "status", "--porcelain") == ""
    # Had he decided for hers, the stage would run again.
    change(bob, "models.dense.units", 4)
    assert "train@dense" in bob.stages_run(bob.dvc("repro", "--dry"))
