"""Experiments run the code they were queued with, not the workspace's."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.nightly
def test_a_queued_experiment_runs_its_own_code(repo: Any) -> None:
    """The editable install beside it would import the workspace's code (dvc#10419)."""
    module = repo.root / "src/jena_etl/evaluation/leaderboard.py"
    original = module.read_text()
    module.write_text(original.replace('"# Leaderboard"', '"# Changed in the experiment"'))
    repo.dvc("exp", "run", "--queue", "--name", "changed")
    module.write_text(original)
    repo.dvc("exp", "run", "--run-all")
    ref = repo.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/changed").strip()
    board = repo.run("git", "show", f"{ref}:reports/leaderboard.md")
    assert board.startswith("# Changed in the experiment")
    assert (repo.root / "reports/leaderboard.md").read_text().startswith("# Leaderboard")


def test_an_experiment_with_one_number_changed(repo: Any) -> None:
    change = ("-S", "window.sequence_length=6")
    output = repo.dvc("exp", "run", "--name", "shorter", *change, "baseline")
    assert repo.stages_run(output) == ["check", "splits", "baseline"]
    assert repo.run("git", "diff", "--numstat", "params.yaml") == "1\t1\tparams.yaml\n"
    assert "Stage 'arrays' didn't change" in output
    assert repo.json("data/processed/splits.json")["window"]["sequence_length"] == 6
    shown = repo.dvc("exp", "show", "--csv")
    assert "shorter" in shown
    assert "validation_mae" in shown
