"""A stage that is followed ends with whoever follows it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from jena_etl.sweep.process import follow

PATIENT = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def followed(folder: Path, code: str, *arguments: str) -> int:
    (folder / "stage.py").write_text(code)
    output = folder / "logs/output.txt"
    return follow("stage", arguments, cwd=folder, environment=os.environ, output=output)


def wait_for(path: Path) -> int:
    while not (path.is_file() and path.read_text().endswith("\n")):
        time.sleep(0.05)
    return int(path.read_text())


def wait_for_the_end_of(pid: int) -> None:
    while is_alive(pid):
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("code", [0, 2])
def test_it_runs_as_python_m_does(tmp_path: Path, code: int) -> None:
    said = f"import sys; print(__name__, sys.argv); sys.exit({code})"
    assert followed(tmp_path, said, "lstm", "1") == code
    expected = f"__main__ ['{tmp_path}/stage.py', 'lstm', '1']\n"
    assert (tmp_path / "logs/output.txt").read_text() == expected


def test_it_sees_nothing_of_this_package_before_its_own(tmp_path: Path) -> None:
    assert followed(tmp_path, "import sys; sys.exit('jena_etl' in sys.modules)") == 0


def test_a_signal_is_a_negative_code(tmp_path: Path) -> None:
    assert followed(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == -9


def test_who_is_killed_takes_the_stage_with_it(tmp_path: Path) -> None:
    (tmp_path / "stage.py").write_text(PATIENT)
    script = (
        "import os; from pathlib import Path; from jena_etl.sweep.process import follow\n"
        "follow('stage', [], cwd=Path(), environment=os.environ, output=Path('output.txt'))"
    )
    caller = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
    pid = wait_for(tmp_path / "output.txt")
    assert is_alive(pid)
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    wait_for_the_end_of(pid)  # for ever, if it were not so


def test_who_raises_ends_the_stage(tmp_path: Path) -> None:
    (tmp_path / "stage.py").write_text(PATIENT)
    output = tmp_path / "output.txt"
    seen: list[int] = []

    def stop() -> None:
        seen.append(wait_for(output))
        raise InterruptedError

    with pytest.raises(InterruptedError):
        follow("stage", [], cwd=tmp_path, environment=os.environ, output=output, each_second=stop)
    wait_for_the_end_of(*seen)
