"""One process at a time writes the outputs of a stage."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from jena_etl.errors import ProjectError


@contextmanager
def only_process(path: Path) -> Iterator[None]:
    """Hold the operating system's lock on the file `path` while the block runs.

    DVC keeps two `dvc repro` apart, but if one is killed, the stage that it started goes on. The
    lock belongs to the process: it is gone when the process is, however it ended. The file stays,
    and tells of the last holder.

    Args:
        path: named after the stage, as in train@lstm.lock.

    Raises:
        ProjectError: another process holds the lock; says which, and since when.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid, _, since = file.read().partition(" ")
            raise ProjectError(
                f"{path.stem} is already being run by process {pid}, since {since}, which may have "
                f"outlived its dvc; wait until it has ended, or end it: kill {pid}"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {datetime.now().isoformat(' ', 'seconds')}")  # noqa: DTZ005  for people here
        file.flush()
        yield
