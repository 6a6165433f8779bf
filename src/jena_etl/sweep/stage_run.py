"""Runs a stage of dvc.yaml on a node of the cluster, once."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from jena_etl.errors import JenaEtlError, ProjectError, one_line
from jena_etl.files import write_text
from jena_etl.stage_output import Part
from jena_etl.sweep.place import Place, digests
from jena_etl.sweep.process import follow


class StageRun(Part):
    """A stage that is to be run.

    Attributes:
        stage: its name in dvc.yaml, such as train@lstm.
        module: what `python -m` runs for it.
        arguments: what that is given.
        inputs: a digest of its command, dependencies and params, as DVC would record them.
        outs: what it writes, by their paths in the project.
    """

    stage: str
    module: str
    arguments: tuple[str, ...]
    inputs: str
    outs: tuple[str, ...]


class Record(Part):
    """What is left by a stage that has run to its end, until DVC has recorded it.

    Attributes:
        inputs: as in `StageRun`.
        outs: the SHA-256 of each out.
    """

    inputs: str
    outs: dict[str, str]


class Outcome(Part):
    """How the run of a stage ended.

    Attributes:
        error: what went wrong; None if nothing did.
        files: the bytes of its outs, if the node has a project folder of its own.
    """

    error: str | None = None
    files: dict[str, bytes] = Field(default_factory=dict)


def record_file(root: Path, stage: str) -> Path:
    """Where the record of a stage lies; git-ignored."""
    return root / f"checkpoints/sweep/{stage}.json"


def log_file(root: Path, stage: str) -> Path:
    """Where what a stage prints is kept; git-ignored."""
    return root / f"logs/sweep/{stage}.log"


def run_stage(run: StageRun, place: Place) -> Outcome:
    """Run the stage on this node, unless it has run to its end before."""
    try:
        root = place.here()
        if not is_done(root, run):
            output = log_file(root, run.stage)
            environment = place.environment()
            code = follow(
                run.module, run.arguments, cwd=root, environment=environment, output=output
            )
            if code:
                return Outcome(error=reason(output, code))
            outs = digests(root, run.outs)
            if outs is None:
                raise ProjectError(f"it has not written all of {', '.join(run.outs)}")
            record = Record(inputs=run.inputs, outs=outs)
            write_text(record_file(root, run.stage), record.model_dump_json())
    except (JenaEtlError, OSError) as error:
        return Outcome(error=one_line(error))
    files = {} if place.is_shared(root) else {name: (root / name).read_bytes() for name in run.outs}
    return Outcome(files=files)


def is_done(root: Path, run: StageRun) -> bool:
    """Whether the stage has run to its end on these inputs, and its outs are as it left them."""
    try:
        record = Record.model_validate_json(record_file(root, run.stage).read_bytes())
    except (OSError, ValueError):  # none, or of another version
        return False
    return record.inputs == run.inputs and record.outs == digests(root, run.outs)


def reason(output: Path, code: int) -> str:
    """Why a command failed: the last line that it printed, or the signal that ended it."""
    if code < 0:
        return (
            f"was killed (signal {-code}); if the machine was out of memory, let fewer run at a "
            "time: --cpus-per-trial 2"
        )
    lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return last.removeprefix("error: ") or f"it failed with exit code {code}"
