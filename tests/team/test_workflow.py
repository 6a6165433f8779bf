"""The commands of .github/workflows/pull_request.yml, run in a fresh clone as GitHub runs them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ruamel.yaml import YAML

from tests.pipeline.repository import Repo
from tests.team.conftest import Team

REMOTE, DRY_RUN, DIFFERENCE, COMMENT = (
    "Everything that dvc.lock names is on the remote",
    "No stage would run again",
    "What changes",
    "Comment",
)
GH = """#!/bin/sh
echo "$@"
cat difference.md
"""


class Job:
    """The job of the workflow in a clone.

    Attributes:
        clone: the checkout.
        summary: the file that GitHub shows as the job's summary.
    """

    def __init__(self, workflow: Any, clone: Repo, base: str) -> None:
        self.steps = {s["name"]: s for s in workflow["jobs"]["results"]["steps"] if "name" in s}
        self.clone = clone
        self.summary = clone.root.parent / "summary.md"
        self.values = {
            "github.event.pull_request.base.sha": base,
            "github.event.pull_request.number": "7",
            "github.token": "none",
            "secrets.DVC_CONFIG_LOCAL": "",
            "steps.pictures.outputs.artifact-url": "https://example.org/pictures",
        }
        programs = clone.root.parent / "programs"
        programs.mkdir(exist_ok=True)
        (programs / "gh").write_text(GH)
        (programs / "gh").chmod(0o755)
        environment = clone.environment
        path = os.pathsep.join([str(programs), environment["PATH"]])
        summary = {"GITHUB_STEP_SUMMARY": str(self.summary)}
        self.environment = environment | summary | {"PATH": path}

    def run(self, name: str, *, fails: bool = False) -> str:
        """Run one step; return what it prints."""
        step = self.steps[name]
        given = {key: self._evaluated(value) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.clone.root,
            env=self.environment | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    def _evaluated(self, text: str) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: self.values[found[1]], text)


@pytest.fixture(scope="module")
def workflow(checkout: Path) -> Any:
    text = (checkout / ".github/workflows/pull_request.yml").read_text()
    return YAML(typ="safe", pure=True).load(text)


def test_nothing_of_a_fork_runs_with_our_secrets(workflow: Any) -> None:
    assert list(workflow["on"]) == ["pull_request"]
    assert workflow["defaults"]["run"]["shell"] == "bash"
    steps = workflow["jobs"]["results"]["steps"]
    for step in steps:
        if re.search(r"secrets\.|github\.token", str(step)):
            assert "head.repo.full_name == github.repository" in step["if"]
    runs = {step["name"] for step in steps if "run" in step}
    assert runs == {"Install", REMOTE, DRY_RUN, DIFFERENCE, COMMENT}


@pytest.mark.nightly
def test_a_pull_request(workflow: Any, team: Team) -> None:
    """Alice drops a model, for which nothing is trained, and forgets to push; then to reproduce."""
    alice = team.alice
    base = alice.run("git", "rev-parse", "HEAD").strip()
    alice.run("git", "switch", "-q", "-c", "without_simple_rnn")
    alice.edit(lambda params: params.update(architectures=["dense"]))
    assert alice.stages_run(alice.dvc("repro")) == ["check", "evaluate", "report"]
    alice.run("git", "commit", "-qam", "Without simple_rnn")
    alice.run("git", "push", "-q", "origin", "HEAD")
    clone = team.clone("runner")
    clone.run("git", "switch", "-q", "without_simple_rnn")
    job = Job(workflow, clone, base)

    shown = job.run(REMOTE, fails=True)
    assert "reports/index.html (report) is not on the remote team, and this clone has no" in shown
    alice.dvc("push")
    assert "fault" not in job.run(REMOTE)
    job.run(DRY_RUN)

    job.run(DIFFERENCE)
    summary = re.sub(" +", " ", job.summary.read_text())
    assert "| reports/metrics/simple_rnn.json | validation_mae |" in summary
    assert "| params.yaml | architectures | ['dense', 'simple_rnn'] | ['dense'] |" in summary
    texts = {}
    for path in (clone.root / "pictures").iterdir():
        texts[path.stem] = "".join(ET.parse(path).getroot().itertext())  # noqa: S314  our own
    assert "Different: simple_rnn." in texts["leaderboard"]
    assert texts["validation-curves"].count("simple_rnn") == 1  # in the legend
    comment = job.run(COMMENT)
    assert comment.startswith("pr comment 7 --body-file difference.md")
    assert "## Scores" in comment
    assert "(https://example.org/pictures)" in comment

    clone.edit(lambda params: params.update(architectures=["simple_rnn"]))
    assert "Running stage 'check'" in job.run(DRY_RUN, fails=True)
