"""What DVC knows about the stages that train: which are out of date, and what they read and write.

A stage is one of training if its name in dvc.yaml begins with `train`.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jena_etl.commands.dvc_repo import open_repo, stages_of
from jena_etl.commands.programs import DVC, exit_code_of
from jena_etl.errors import ProjectError
from jena_etl.project import Project
from jena_etl.sweep.place import md5_of
from jena_etl.sweep.stage_run import StageRun


def out_of_date_before_training(root: Path) -> list[str]:
    """The stages that training depends on, directly or not; none if they are all up to date.

    Raises:
        ProjectError: DVC cannot read dvc.yaml.
    """
    with _stages(root) as (repo, training):
        needed = {
            stage.addressing: stage
            for own in training
            for stage in repo.stage.collect(own.addressing, with_deps=True)
            if stage not in training
        }
        stale = any(stage.status() for stage in needed.values())
        return sorted(needed) if stale else []


def files_of_training(root: Path, architectures: Iterable[str]) -> dict[str, dict[str, str]]:
    """The MD5 of each file that the train stage of an architecture reads, by architecture.

    The architecture need not be one that params.yaml lists.

    Raises:
        ProjectError: a file is missing.
    """
    project, found = Project(root), {}
    for name in architectures:
        paths = project.training_dependencies(name)
        found[name] = digests_of(root, [path.relative_to(root).as_posix() for path in paths])
    return found


def digests_of(root: Path, names: Iterable[str]) -> dict[str, str]:
    """The MD5 of each of these files or folders in the project, by path.

    Raises:
        ProjectError: a file is missing.
    """
    found = {}
    for name in names:
        digest = md5_of(root / name)
        if digest is None:
            raise ProjectError(f"{name} is not built yet; build it: dvc repro baseline")
        found[name] = digest
    return found


def out_of_date(root: Path) -> tuple[list[StageRun], dict[str, str]]:
    """The training stages that are out of date and whose outs DVC's run cache does not hold.

    Returns:
        What has to be trained, and the MD5 of each file that it reads, by path in the project.
    """
    with _stages(root) as (repo, training):
        runs: list[StageRun] = []
        files: dict[str, str] = {}
        for stage in training:
            if stage.status():
                recorded = _inputs(stage)
                if not _is_in_run_cache(repo, stage):
                    files |= digests_of(root, [dep["path"] for dep in recorded["deps"]])
                    runs.append(_run(stage, recorded))
        return runs, files


def record(root: Path, run: StageRun) -> None:
    """Hand the outs of a stage to DVC, as `dvc commit -f` does.

    Raises:
        ProjectError: what the stage depends on has changed since it was started, so its outs are
            not what `dvc repro` would make now.
    """
    with _stages(root) as (repo, training):
        stage = next((one for one in training if one.addressing == run.stage), None)
        if stage is None or _run(stage, _inputs(stage)) != run:
            raise ProjectError(
                f"params.yaml, data or code of {run.stage} changed while it was trained, so it was "
                "not recorded; change it back, or train it as it is now: the same command again"
            )
        repo.commit(run.stage, force=True)


def repro(root: Path, *targets: str, why: str) -> None:
    """Run `dvc repro` with its output on stderr.

    Raises:
        ProjectError: a stage failed.
    """
    if exit_code_of(*DVC, "repro", *targets, cwd=root):
        raise ProjectError(
            f"dvc repro failed {why}; its message is above. Fix that, then the same command again"
        )


@contextmanager
def _stages(root: Path) -> Iterator[tuple[Any, list[Any]]]:
    """DVC's repository and its stages of training, under DVC's lock."""
    from dvc.exceptions import DvcException
    from dvc.repo import lock_repo

    with open_repo(root, rehash=False) as repo:
        try:
            with lock_repo(repo):
                yield repo, [one for one in stages_of(repo, root) if one.name.startswith("train")]
        except DvcException as error:
            raise ProjectError(f"DVC says: {' '.join(str(error).split())}") from None


def _inputs(stage: Any) -> dict[str, Any]:
    """What dvc.lock would hold of a stage, but for its outs, as its files are now."""
    from dvc.stage.serialize import to_single_stage_lockfile

    stage.save_deps()
    recorded = dict(to_single_stage_lockfile(stage))
    recorded.pop("outs", None)
    return recorded


def _run(stage: Any, recorded: dict[str, Any]) -> StageRun:
    text = json.dumps(recorded, sort_keys=True, default=str)
    python, option, module, *arguments = [*shlex.split(str(stage.cmd)), "", "", ""]
    if (python, option) != ("python", "-m"):
        raise ProjectError(
            f"the command of {stage.addressing} in dvc.yaml is {stage.cmd!r}, and a sweep can run "
            "only python -m MODULE; dvc repro runs it as it is"
        )
    return StageRun(
        stage=stage.addressing,
        module=module,
        arguments=tuple(filter(None, arguments)),
        inputs=hashlib.sha256(text.encode()).hexdigest(),
        outs=tuple(out.def_path for out in stage.outs),
    )


def _is_in_run_cache(repo: Any, stage: Any) -> bool:
    from dvc.stage.cache import RunCacheNotFoundError

    try:
        repo.stage_cache.restore(stage, dry=True)
    except RunCacheNotFoundError:
        return False
    return True
