"""What a run took: kept out of the stages' outputs, which must not change from run to run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jena_etl.training.device import versions


@contextmanager
def logged(path: Path, **entry: Any) -> Iterator[None]:
    """Append one JSON line to `path` when the block succeeds: entry, seconds, versions.

    What the block has made counts for more than its log: where the line cannot be written, stderr
    says so, and that is all.
    """
    started = time.perf_counter()
    yield
    line = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **entry,
        "seconds": round(time.perf_counter() - started, 1),
        "versions": versions(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        sys.stderr.write(
            f"warning: {path.parent.name}/{path.name} cannot be written ({error.strerror}); "
            "this run is missing there, but its results are complete\n"
        )
