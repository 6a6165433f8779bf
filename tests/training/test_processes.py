"""Processes that need one another end together, and say which of them failed, and how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jena_etl.errors import ParamsError, TrainingError
from jena_etl.training.processes import Cluster, on_this_machine, run_together


def waits(number: int, _cluster: Cluster, folder: Path) -> None:
    """Notes its process, then waits for ever."""
    (folder / str(number)).write_text(str(os.getpid()))
    time.sleep(600)


def finishes(number: int, cluster: Cluster, folder: Path) -> None:
    print(f"process {number}")  # noqa: T201
    if number == 0:
        (folder / "addresses").write_text("\n".join(cluster.addresses))
    else:
        waits(number, cluster, folder)


def is_killed(number: int, cluster: Cluster, folder: Path) -> None:
    if number == 1:
        while not (folder / "0").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    waits(number, cluster, folder)


def refuses(number: int, cluster: Cluster, folder: Path) -> None:
    if number == 1:
        raise ParamsError("batch_size is odd")
    waits(number, cluster, folder)


def breaks(number: int, cluster: Cluster, folder: Path) -> None:
    if number == 0:
        raise ZeroDivisionError("by none")
    waits(number, cluster, folder)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_all_end_when_the_first_has_finished(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only the first one's output is shown."""
    run_together(finishes, on_this_machine(2), tmp_path)
    assert capfd.readouterr().out == "process 0\n"
    hosts, ports = zip(
        *(line.split(":") for line in (tmp_path / "addresses").read_text().splitlines()),
        strict=True,
    )
    assert hosts == ("localhost", "localhost")
    assert len(set(ports)) == 2
    if (tmp_path / "1").exists():  # it may have been ended before it got that far
        assert not is_alive(int((tmp_path / "1").read_text()))


def test_one_that_is_killed_ends_the_others(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"^process 1 of .*, 0 to 1, was killed by SIGKILL"):
        run_together(is_killed, on_this_machine(2), tmp_path)
    assert not is_alive(int((tmp_path / "0").read_text()))


def test_an_error_is_passed_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One of ours as its message, without a traceback; any other with one."""
    with pytest.raises(TrainingError, match=r"^batch_size is odd$"):
        run_together(refuses, on_this_machine(2), tmp_path)
    assert capfd.readouterr().err == ""
    with pytest.raises(TrainingError, match=r"^process 0 .*ended with exit code 1; its error"):
        run_together(breaks, on_this_machine(2), tmp_path)
    assert "ZeroDivisionError: by none" in capfd.readouterr().err


@pytest.mark.slow
def test_they_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    command = (
        "import sys; from pathlib import Path; from tests.training.test_processes import waits; "
        "from jena_etl.training.processes import on_this_machine, run_together; "
        "run_together(waits, on_this_machine(2), Path(sys.argv[1]))"
    )
    parent = subprocess.Popen([sys.executable, "-c", command, tmp_path])
    while len(list(tmp_path.iterdir())) < 2:
        assert parent.poll() is None
        time.sleep(0.05)
    children = [int((tmp_path / name).read_text() or 0) for name in ("0", "1")]
    parent.kill()
    parent.wait()
    while any(is_alive(child) for child in children):  # pytest's time limit ends this
        time.sleep(0.05)
