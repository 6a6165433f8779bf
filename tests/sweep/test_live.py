"""What is shown of trainings while they run."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from jena_etl.sweep.live import DONE, FAILED, RUNNING, live_table


def test_without_a_terminal_each_start_and_end_is_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with live_table(["train@lstm", "train@dense"]) as table:
        table.set("train@lstm", RUNNING)
        table.set("train@lstm", RUNNING, "Epoch 1/2")
        table.set("train@lstm", DONE)
        table.set("train@dense", FAILED, "loss is nan\x1b[2J")
    assert capsys.readouterr().err == (
        "train@lstm: running\n"
        "train@lstm: done after 0 s\n"
        "train@dense: failed after 0 s: loss is nan\\x1b[2J\n"
    )


def test_on_a_terminal_all_of_them_are_in_a_table() -> None:
    with live_table(["train@lstm", "train@dense"]) as table:
        table.set("train@lstm", RUNNING, "[bold]Epoch 1/2")
    shown = StringIO()
    Console(file=shown, width=100).print(table._rendered())
    lines = [line.split() for line in shown.getvalue().splitlines()]
    assert lines[0] == ["training", "state", "seconds"]
    assert lines[1] == ["train@lstm", "running", "0", "[bold]Epoch", "1/2"]
    assert lines[2] == ["train@dense", "waiting"]
