"""Alice shares her results, and Bob has them without running anything."""

from __future__ import annotations

import json

from tests.team.conftest import Team, documented


def test_bob_gets_alices_results(team: Team) -> None:
    alice, bob = team.alice, team.bob
    # Before he has pulled, doctor says what is missing and what to type.
    report = json.loads(bob.jena_etl("doctor", "--json", fails=True))
    checks = {check["name"]: check for check in report["checks"]}
    assert [name for name, check in checks.items() if check["mark"] == "fault"] == ["data"]
    assert "data/params_checked.txt is deleted" in checks["data"]["found"]
    pull, reproduce = documented("The first hour")[6:]
    assert checks["data"]["next"] == pull
    assert "fetch it: dvc pull" in bob.jena_etl("inspect")
    # Git brought the reports; DVC brings the data and the models.
    assert (bob.root / "reports/leaderboard.md").is_file()
    assert not (bob.root / "models").exists()
    bob.type(pull)
    for name in ("models/dense.keras", "data/processed/features.npy", "reports/index.html"):
        assert (bob.root / name).read_bytes() == (alice.root / name).read_bytes()
    # Nothing is left to do, no training ran, and both see the same numbers.
    assert bob.stages_run(bob.type(reproduce)) == []
    assert not (bob.root / "logs").exists()
    assert bob.run("git", "status", "--porcelain") == ""
    assert bob.jena_etl("inspect", "--json") == alice.jena_etl("inspect", "--json")
    bob.jena_etl("doctor")  # exit code 0


def test_the_merge_driver_is_one_line(team: Team) -> None:
    bob = team.bob
    report = json.loads(bob.jena_etl("doctor", "--json", fails=True))
    merge = next(check for check in report["checks"] if check["name"] == "merge")
    assert merge["mark"] == "note"
    assert merge["next"] == documented("Both change something at once")[0]
    bob.type(merge["next"])
    assert "ok     merge" in bob.jena_etl("doctor", fails=True)


def test_every_report_in_git_is_left_to_the_driver(team: Team) -> None:
    """What a stage writes and git keeps conflicts whenever two people run it."""
    alice = team.alice
    kept = alice.run("git", "ls-files", "dvc.lock", "reports/*.*", ":!:*.gitignore").split()
    assert len(kept) > 5
    attributes = alice.run("git", "check-attr", "merge", "--", *kept).splitlines()
    assert [line for line in attributes if not line.endswith(": merge: jena-etl")] == []
