"""Makes sure that only one process at a time writes a stage's outputs."""

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
    """Hold an operating system lock on the file `path` while the block runs.

    DVC keeps two `dvc repro` apart, but when one is killed, the stage that it started runs on. The
    lock ends with the process that holds it, however that ends. The file remains and names its last
    holder.

    Args:
        path: a file named after the stage, such as train@lstm.lock.

    Raises:
        ProjectError: another process holds the lock; says which one, and since when.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid, _, since = file.read().partition(" ")
            raise ProjectError(
                f"process {pid} has been running {path.stem} since {since} and may have outlived "
                f"the dvc that started it; wait for it to finish, or end it: kill {pid}"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {datetime.now().isoformat(' ', 'seconds')}")  # noqa: DTZ005  local time, for people
        file.flush()
        yield
