"""Logs how long each run took, outside the stages' outputs, which must not differ between runs."""

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
def logged(path: Path, **entry: Any) -> Iterator[dict[str, Any]]:
    """When the block succeeds, append a JSON line to `path`: `entry`, the seconds, the versions.

    The block is given the entry and may add to it what it has measured.

    If the line cannot be written, there is only a warning on stderr: the results of the block
    matter more than its log.
    """
    started = time.perf_counter()
    yield entry
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
            "this run will be missing from it, but its results are complete\n"
        )
