"""A live table of trainings on the terminal; elsewhere, a line when one starts and ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jena_etl.text import printable

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
STOPPED = "stopped early"


@dataclass
class Row:
    """A training in the table.

    Attributes:
        state: one of the words above.
        detail: what it printed last, or why it failed.
        started: when it began to run, by the monotonic clock.
        seconds: how long it has run.
    """

    state: str = WAITING
    detail: str = ""
    started: float | None = None
    seconds: float = 0.0


@dataclass
class Table:
    """The trainings, by name, in the order in which they are shown."""

    rows: dict[str, Row] = field(default_factory=dict)
    live: Any = None

    def set(self, name: str, state: str, detail: str = "") -> None:
        """Say how a training is doing."""
        row = self.rows.setdefault(name, Row())
        changed = row.state != state
        if state == RUNNING and row.started is None:
            row.started = time.monotonic()
        if row.started is not None:
            row.seconds = time.monotonic() - row.started
        row.state, row.detail = state, detail
        if self.live:
            self.live.update(self._rendered(), refresh=True)
        elif changed:
            ended = f" after {row.seconds:.0f} s" if state in (DONE, FAILED, STOPPED) else ""
            sys.stderr.write(printable(f"{name}: {state}{ended}{detail and f': {detail}'}\n"))

    def _rendered(self) -> Any:
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable("training", "state", "seconds", "", box=None, pad_edge=False)
        for name, row in self.rows.items():
            seconds = f"{row.seconds:.0f}" if row.started is not None else ""
            table.add_row(
                *(Text(printable(text)) for text in (name, row.state, seconds, row.detail[:90]))
            )
        return table


@contextmanager
def live_table(names: Iterable[str]) -> Iterator[Table]:
    """A table of these trainings, all of them waiting, while the block runs."""
    table = Table({name: Row() for name in names})
    if not sys.stderr.isatty():
        yield table
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False) as table.live:
        yield table
