"""Somebody pulls the plug, or starts the pipeline twice: nothing is lost, nothing is damaged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jena_etl.commands.doctor import examine
from jena_etl.project import open_project
from tests.pipeline.repository import Repo
from tests.warm_python import NEW_PYTHON

pytestmark = pytest.mark.slow

# Found on PYTHONPATH by every Python that starts: strikes when a stage is about to rename a file
# that it has written aside. What is to happen, and what has, lies in the folder of this file.
STRIKES = """
import json, os, signal, sys, time
from pathlib import Path

HERE = Path(__file__).parent
sys.modules["jax"] = None  # as in a user's environment; TensorFlow would import it
replace, renamed = os.replace, 0

def struck(source, target, **options):
    global renamed
    script = Path(sys.argv[0])
    stage = "@".join([script.stem, *sys.argv[1:]])
    plan = json.loads((HERE / "plan.json").read_text()).get(stage)
    done = HERE / f"{stage}.struck"
    if script.parent.name == "pipeline" and plan and not done.exists():
        renamed += 1
        if renamed == plan["rename"]:
            done.touch()
            if plan["strike"] == "wait":
                while not (HERE / "go").exists():
                    time.sleep(0.05)
            elif plan["strike"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            else:  # all that was started together: DVC, its shell and the stage
                os.killpg(0, signal.SIGKILL)
    return replace(source, target, **options)

os.replace = struck
"""


class Struck:
    """A repository in which stages meet what is planned for them, once each."""

    def __init__(self, repo: Any, plan: dict[str, dict[str, Any]]) -> None:
        self.repo = repo
        self.folder: Path = repo.root.parent / "strikes"
        self.folder.mkdir()
        (self.folder / "sitecustomize.py").write_text(STRIKES, encoding="utf-8")
        (self.folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")

    def start(self, *arguments: str, umask: int = -1, **env: str) -> subprocess.Popen[str]:
        """Start DVC, as a group of processes of its own."""
        repo = Repo(self.repo.root)
        repo.python = NEW_PYTHON  # one that can be killed and reads sitecustomize.py
        return subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.repo.root,
            env={**repo.environment, "PYTHONPATH": str(self.folder), **env},
            umask=umask,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def happened(self, stage: str) -> bool:
        """The stage was struck."""
        return (self.folder / f"{stage}.struck").exists()


@pytest.mark.nightly
def test_a_build_by_another_user_killed_in_stages_of_every_kind(repo: Any) -> None:
    """Each `dvc repro` goes on where the one before was killed, and ends with the same bytes.

    So it does although time zone, locale, hash seed, umask and OpenMP's threads are others.
    """
    elsewhere = {"TZ": "Asia/Kolkata", "LC_ALL": "C", "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    expected = (repo.root / "dvc.lock").read_bytes()
    for folder in ("data", "models", "reports", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(repo.root / folder)
    (repo.root / "dvc.lock").unlink()
    plan = {stage: {"rename": 1, "strike": "kill"} for stage in ("download", "convert", "evaluate")}
    plan["arrays"] = {"rename": 2, "strike": "kill all"}  # one of three files is written
    plan["train@dense"] = {"rename": 3, "strike": "kill all"}  # the checkpoint of epoch 2 of 2
    struck = Struck(repo, plan)

    outputs = []
    for _ in plan:
        process = struck.start("repro", umask=0o077, **elsewhere)
        outputs.append(process.communicate()[0])
        assert process.returncode != 0
    assert [stage for stage in plan if not struck.happened(stage)] == []
    process = struck.start("repro", umask=0o077, **elsewhere)
    outputs.append(process.communicate()[0])
    assert process.returncode == 0, outputs[-1]
    runs = [run for text in outputs for run in text.split("Running stage ")]
    dense = [run for run in runs if run.startswith("'train@dense'")]
    epochs = [[epoch in run for epoch in ("Epoch 1/2", "Epoch 2/2")] for run in dense]
    assert epochs == [[True, True], [False, True]]
    assert (repo.root / "dvc.lock").read_bytes() == expected
    assert not list(repo.root.rglob("*.part"))
    assert not list(repo.root.glob("checkpoints/*"))


def test_two_at_once(repo: Any) -> None:
    before = (repo.root / "dvc.lock").read_bytes()
    struck = Struck(repo, {"statistics": {"rename": 1, "strike": "wait"}})
    command = ("repro", "--force", "--single-item", "--no-run-cache", "statistics")
    first = struck.start(*command)
    try:
        while not struck.happened("statistics"):
            assert first.poll() is None, first.communicate()[0]
            time.sleep(0.05)
        refused = repo.dvc("repro", fails=True)
        checks = {check.name: check for check in examine(open_project(repo.root), verify=False)}
    finally:
        (struck.folder / "go").touch()
        output = first.communicate()[0]
    assert first.returncode == 0, output
    assert "is busy, it is being blocked by:" in refused
    assert " ".join(command) in refused
    # What is being written is no fault.
    assert checks["pipeline"].mark == "note"
    assert "another DVC process" in checks["pipeline"].found
    assert all(check.mark != "fault" for check in checks.values())
    assert "Data and pipelines are up to date" in repo.dvc("status")
    assert (repo.root / "dvc.lock").read_bytes() == before


@pytest.mark.nightly
def test_a_training_that_outlives_its_dvc(repo: Any) -> None:
    """Nobody writes beside it, and it writes nothing over what was made since."""
    model = repo.root / "models/dense.keras"
    original = model.read_bytes()
    struck = Struck(repo, {"train@dense": {"rename": 1, "strike": "wait"}})  # in epoch 1
    repo.edit(lambda params: params["models"]["dense"].update(units=3))
    first = struck.start("repro")
    while not struck.happened("train@dense"):
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)  # DVC alone
    first.wait()
    orphan = (repo.root / "locks/train@dense.lock").read_text().split()[0]

    repo.edit(lambda params: params["models"]["dense"].update(units=4))
    refused = repo.dvc("repro", fails=True)
    assert f"error: process {orphan} has been running train@dense since" in refused
    assert "exited with 2" in refused

    # With the first value DVC needs no stage: its run cache has the outputs.
    repo.edit(lambda params: params["models"]["dense"].update(units=2))
    assert "train@dense" not in repo.stages_run(repo.dvc("repro"))
    assert model.read_bytes() == original
    (struck.folder / "go").touch()
    last_words = first.communicate()[0]  # until the orphan, which writes there, has ended
    assert "code of dense changed while it was being trained, so nothing was written" in last_words
    assert model.read_bytes() == original
    assert "Data and pipelines are up to date" in repo.dvc("status")

    # What the orphan had trained is not lost.
    repo.edit(lambda params: params["models"]["dense"].update(units=3))
    output = repo.dvc("repro", "train@dense")
    assert "train@dense" in repo.stages_run(output)
    assert "Epoch" not in output


@pytest.mark.nightly
def test_ctrl_c_is_one_line_and_costs_the_epoch_at_most(repo: Any) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        pytest.skip("the tests were started with Ctrl-C ignored, as nohup and & in a script do")
    repo.edit(lambda params: params["models"]["dense"].update(epochs=1_000_000))
    struck = Struck(repo, {})
    process = struck.start("repro")
    while not list(repo.root.glob("checkpoints/dense-*.npz")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: DVC and the stage
    output = process.communicate()[0]
    assert process.returncode != 0
    stopped = output[output.index("stopped in epoch ") :]
    epoch = int(stopped.split()[3].rstrip(";"))
    lines = [line for line in stopped.splitlines() if line]
    assert lines[0] == f"stopped in epoch {epoch}; dvc repro resumes from there"
    # The stage's own exit code, 130, if the shell hands it on as bash does; dash, which got the
    # Ctrl-C as well, ends by the signal.
    assert lines[1].endswith(("exited with 130", "exited with -2"))
    assert len(lines) == 2
    assert "Traceback" not in output
    repo.edit(lambda params: params["models"]["dense"].update(epochs=2))
    assert not (repo.root / "models/dense.keras").exists()
