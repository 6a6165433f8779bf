"""What a run took: kept out of the stages' outputs, which must not change from run to run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jena_etl.training.device import versions


@contextmanager
def logged(path: Path, **entry: Any) -> Iterator[None]:
    """Append one JSON line to `path` when the block succeeds: entry, seconds, versions."""
    started = time.perf_counter()
    yield
    line = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **entry,
        "seconds": round(time.perf_counter() - started, 1),
        "versions": versions(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
