"""The lock on a stage, between real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from jena_etl.errors import ProjectError
from jena_etl.locks import only_process

HOLDER = """
import sys
from pathlib import Path
from jena_etl.locks import only_process

with only_process(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_told_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "locks/train@lstm.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ProjectError) as refused, only_process(path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
    start = f"process {holder.pid} has been running train@lstm since "
    assert str(refused.value).startswith(start)
    assert str(refused.value).endswith(f"end it: kill {holder.pid}")
    since = str(refused.value).removeprefix(start)[:19]
    assert (datetime.now() - datetime.fromisoformat(since)).total_seconds() >= 0  # noqa: DTZ005
    with only_process(path):  # the lock went with the process
        assert path.read_text().startswith(f"{os.getpid()} ")
