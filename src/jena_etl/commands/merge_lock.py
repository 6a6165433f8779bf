"""Merges dvc.lock stage by stage: as git's merge driver, and for `jena-etl doctor --mend`.

An entry of dvc.lock records one run of a stage: its inputs and the outputs that they gave. Git
merges by lines and could join the inputs of one run with the outputs of another, so that DVC would
mistake a stale output for a new one. DVC's own merge driver is for .dvc files and cannot read
dvc.lock (github.com/iterative/dvc/issues/1015).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jena_etl.errors import ProjectError
from jena_etl.files import write_text

LOCK = "dvc.lock"
# .gitattributes names this driver. Git runs no command that a repository brings along, so everyone
# has to configure it once.
DRIVER = "jena-etl"
DRIVER_KEY = f"merge.{DRIVER}.driver"
DRIVER_COMMAND = "jena-etl merge-lock %O %A %B %P"

Stages = dict[str, Any]


@dataclass(frozen=True)
class Merge:
    """Two versions of dvc.lock, merged.

    Where a stage ran on both sides, our entry is kept. It is true of the run that it records, so
    `dvc repro` runs the stage again unless the merged inputs are those of that run. Without an
    entry, `dvc pull` would refuse to fetch anything (it has no hash for the stage's outputs).

    Attributes:
        stages: the entries by stage.
        rerun: stages that ran on both sides, on at least one of them because a stage before it had
            changed. There is nothing to decide: `dvc repro` runs them on what is merged.
        conflicts: stages that were themselves changed on both sides, in different ways.
    """

    stages: Stages
    rerun: tuple[str, ...]
    conflicts: tuple[str, ...]

    def __str__(self) -> str:
        """What was kept and what is left to do, in words; "" if each stage ran on one side only."""
        parts = []
        if self.conflicts:
            parts.append(f"changed on both sides, ours is kept: {', '.join(self.conflicts)}")
        if self.rerun:
            parts.append(f"ran on both sides, left to dvc repro: {', '.join(self.rerun)}")
        return "; ".join(parts)


def merge_stages(base: Stages, ours: Stages, theirs: Stages) -> Merge:
    """Merge two versions of dvc.lock, each stage's entry taken whole from the side that ran it."""
    merged: Stages = {}
    rerun: list[str] = []
    conflicts: list[str] = []
    for name in {**ours, **theirs}:
        before, our, their = base.get(name), ours.get(name), theirs.get(name)
        entry = their if our == before else our
        if before not in (our, their) and our != their:
            entry = our or their
            if our and their and our.get("outs") != their.get("outs"):
                follows = any(_follows(name, base, side) for side in (ours, theirs))
                (rerun if follows else conflicts).append(name)
        if entry is not None:
            merged[name] = entry
    return Merge(merged, tuple(rerun), tuple(conflicts))


def merge_files(base: Path, ours: Path, theirs: Path, name: str) -> Merge:
    """Merge as git's merge driver: the result replaces `ours`.

    A generated report is left as it is on our side: evaluate and report write it again. So is the
    history of a model that was trained on both sides, as dvc.lock keeps our training too.

    The arguments are git's %O (the common ancestor's version, empty if there is none), %A, %B and
    %P (the path of the file in the repository).

    Raises:
        ProjectError: a version cannot be read.
    """
    if PurePosixPath(name).name != LOCK:
        return Merge({}, (), ())
    versions = {}
    for side, path in (("base", base), ("ours", ours), ("theirs", theirs)):
        stages = parse_lock(path.read_text(encoding="utf-8"))
        if stages is None and side != "base":
            readable = "theirs" if side == "ours" else "ours"
            raise ProjectError(
                f"{name}: DVC cannot read {side}, so nothing was merged; take the other side's: "
                f"git checkout --{readable} {name} && git add {name}, then: dvc repro"
            )
        versions[side] = stages or {}
    merge = merge_stages(**versions)
    write_text(ours, render_lock(merge.stages))
    return merge


def parse_lock(text: str | None) -> Stages | None:
    """The entries of a dvc.lock by stage; None if DVC could not read it."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import YAMLError, parse_yaml
    from voluptuous import Invalid

    if text is None:
        return None
    try:
        return dict(COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, LOCK)).get("stages", {}))
    except (YAMLError, Invalid, ValueError):
        return None


def render_lock(stages: Stages) -> str:
    """The text of a dvc.lock, as DVC writes it."""
    from dvc.utils.serialize import dumps_yaml

    return str(dumps_yaml({"schema": "2.0", "stages": stages}))


def _follows(name: str, base: Stages, side: Stages) -> bool:
    """Whether a side changed something that the stage reads and another stage writes."""
    known = base.get(name, {}).get("deps", ())
    changed = [PurePosixPath(dep["path"]) for dep in side[name].get("deps", ()) if dep not in known]
    written = [
        PurePosixPath(out["path"])
        for other, entry in side.items()
        if other != name
        for out in entry.get("outs", ())
    ]
    return any(
        path.is_relative_to(out) or out.is_relative_to(path) for path in changed for out in written
    )
