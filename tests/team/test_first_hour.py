"""Alice shares her results, and Bob has them without training anything."""

from __future__ import annotations

from tests.team.conftest import Team


def test_bob_gets_alices_results(team: Team) -> None:
    bob = team.bob
    bob.dvc("pull")
    assert bob.stages_run(bob.dvc("repro")) == []
