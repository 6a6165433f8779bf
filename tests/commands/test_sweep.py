"""The order in which `jena-etl sweep --leaderboard` begins its trainings."""

from __future__ import annotations

import json
from pathlib import Path

from jena_etl.commands.sweep import longest_first
from jena_etl.sweep.stage_run import StageRun


def run(stage: str, *arguments: str) -> StageRun:
    return StageRun(
        stage=stage, module="pipeline.train", arguments=arguments, inputs="", outs=("out",)
    )


def test_the_longest_is_begun_first(tmp_path: Path) -> None:
    runs = [run(f"train@{name}", name) for name in ("dense", "lstm", "gru", "stacked")]
    assert [one.arguments[0] for one in longest_first(runs, tmp_path / "none")] == [
        "stacked", "gru", "lstm", "dense",
    ]  # fmt: skip
    log = tmp_path / "runs.jsonl"
    entries = [
        {"stage": "train", "architecture": "gru", "seconds": 5.0},
        {"stage": "train", "architecture": "gru", "seconds": 50.0},
        {"stage": "train", "architecture": "lstm", "seconds": 20.0},
        {"stage": "train_seed", "architecture": "lstm", "seconds": 99.0},
        {"stage": "train", "architecture": "dense", "seconds": 30.0},
    ]
    log.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries) + '{"stage": "tr')
    assert [one.arguments[0] for one in longest_first(runs, log)] == [
        "stacked", "gru", "dense", "lstm",
    ]  # fmt: skip
