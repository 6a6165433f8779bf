"""Checks what has been built: DVC's cache, the outputs, whether they are current."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from jena_etl.commands import dvc_repo
from jena_etl.commands.doctor.check import Check, command, first_few, in_turn, size
from jena_etl.commands.doctor.disk import disk, expected_outputs, links
from jena_etl.commands.programs import git, restorable
from jena_etl.params import Params
from jena_etl.project import Project

BUILD = "dvc repro"
RESTORE = "git restore"
EDIT_PARAMS = "edit params.yaml"
FEW = 3  # how many outputs a command may name one by one


def built_checks(project: Project, params: Params | None, *, verify: bool) -> list[Check]:
    """Check cache, data, pipeline and disk; if DVC cannot read the project, one line says why.

    The order is that of the repairs: damaged files must leave the cache before DVC restores from
    it, and what can be restored or fetched should be before a stage is run again to rebuild it.
    """
    root, checks = project.root.resolve(), []
    with dvc_repo.open_repo(root, rehash=verify) as repo:
        files = dvc_repo.cache_files(repo)
        rotten = dvc_repo.damaged(files) if verify else []
        pipeline, current = dvc_repo.Pipeline((), (), {}), None
        try:
            pipeline = dvc_repo.read_pipeline(repo, root)
        except Exception as error:  # noqa: BLE001  DVC raises a dozen kinds of error
            current = dvc_refused(error, root)
        checks.append(cache_is_sound(pipeline, files, rotten, verify=verify))
        if pipeline.outputs:
            remote = dvc_repo.has_remote(repo)
            checks.append(data_is_whole(root, pipeline, rotten, remote=remote, verify=verify))
        checks.append(current or pipeline_is_current(pipeline))
        built = {output.stage for output in pipeline.outputs}
        expected = expected_outputs(project, params, built) if params and not current else None
        cache = dvc_repo.cache_folder(repo)
        checks.append(disk(root, cache, pipeline, expected=expected, linked=links(repo, root)))
    return checks


def cache_is_sound(
    pipeline: dvc_repo.Pipeline, files: list[Path], rotten: list[Path], *, verify: bool
) -> Check:
    """Check that DVC's own copies exist and, with `verify`, that their bytes are right."""
    known = {path: output for output in pipeline.outputs for path in output.objects}
    # An output that is also missing from the workspace is reported with the data.
    missing = [o for o in pipeline.outputs if o.is_cached and not (o.in_cache or o.state)]
    earlier = "an earlier version of something"
    wrong = [
        f"{path} is damaged ({known[path].path if path in known else earlier})" for path in rotten
    ]
    wrong += [f"{output.path} is not in it" for output in missing]
    if not wrong:
        total = size(sum(file.stat().st_size for file in files))
        how = "every hash recomputed" if verify else "bytes: --verify"
        return Check("cache", "ok", f"{len(files)} files, {total} ({how})")
    steps = [command("rm -f", map(str, rotten))]
    if not (pipeline.stale or any(output.state for output in pipeline.outputs)):
        # dvc commit puts intact outputs back into the cache without running anything. If something
        # in the workspace had changed, it would record that change as the result of a run.
        touched = [*missing, *(known[path] for path in rotten if path in known)]
        steps.append(command("dvc commit -f", sorted({output.stage for output in touched})))
    elif not rotten:
        steps.append(BUILD)
    return Check("cache", "fault", first_few(wrong), in_turn(steps))


def data_is_whole(
    root: Path, pipeline: dvc_repo.Pipeline, rotten: Iterable[Path], *, remote: bool, verify: bool
) -> Check:
    """Check that the outputs exist as dvc.lock records them."""
    spoiled = [output for output in pipeline.outputs if output.state]
    if not spoiled:
        how = "every hash recomputed" if verify else "by size and time; bytes: --verify"
        total = size(sum(output.bytes for output in pipeline.outputs))
        return Check("data", "ok", f"{len(pipeline.outputs)} outputs, {total}, all there ({how})")
    from_git = restorable(root, (output.path for output in spoiled if not output.is_cached))
    from_cache = [o.path for o in spoiled if o.in_cache and o.objects.isdisjoint(rotten)]
    elsewhere = [o for o in spoiled if o.path not in (*from_git, *from_cache)]
    from_remote = [output.path for output in elsewhere if output.is_cached and remote]
    in_the_way = [o.path for o in spoiled if o.state == "modified" and o.path not in from_git]
    steps = [
        command(RESTORE, from_git),
        command("rm -r", in_the_way),
        command("dvc checkout", from_cache),
        "dvc pull" if len(from_remote) > FEW else command("dvc pull", from_remote),
        BUILD if len(elsewhere) > len(from_remote) else "",
    ]
    found = first_few([f"{output.path} is {output.state}" for output in spoiled])
    return Check("data", "fault", found, in_turn(steps))


def pipeline_is_current(pipeline: dvc_repo.Pipeline) -> Check:
    """Check that dvc.lock records what the present code and params would build."""
    if not pipeline.stages:
        return Check("pipeline", "fault", "dvc.yaml is missing here", f"{RESTORE} dvc.yaml")
    if not pipeline.outputs:
        return Check("pipeline", "note", "nothing built yet", BUILD)
    if pipeline.stale:
        stale = [f"{name} ({first_few(why)} changed)" for name, why in pipeline.stale.items()]
        found = f"out of date, with everything that depends on it: {first_few(stale)}"
        return Check("pipeline", "fault", found, BUILD)
    if pipeline.unbuilt:
        return Check("pipeline", "note", f"not built yet: {first_few(pipeline.unbuilt)}", BUILD)
    return Check("pipeline", "ok", f"{pipeline.stages} stages, all up to date")


def dvc_refused(error: Exception, root: Path) -> Check:
    """Why DVC cannot read the project, and the command that helps."""
    from dvc.config import ConfigError
    from dvc.exceptions import NotDvcRepoError
    from dvc.lock import LockError
    from dvc.scm import SCMError

    message = " ".join(str(error).split())
    if isinstance(error, NotDvcRepoError):
        return Check("pipeline", "fault", f"{root} is not a DVC repository", _init(root))
    if isinstance(error, LockError):
        found = "unknown, as another DVC process is at work here"
        return Check("pipeline", "note", found, "wait for it, then run doctor again")
    if isinstance(error, PermissionError) or getattr(error, "errno", 0) == errno.EROFS:
        found = f"unknown, as DVC needs to write here to find out ({message})"
        return Check("pipeline", "note", found)
    if isinstance(error, SCMError):
        return Check("pipeline", "fault", message, "git init")
    advice = "dvc status"
    if isinstance(error, ConfigError):
        advice = f"{RESTORE} .dvc/config"
    elif any(part in message for part in (".foreach", ".matrix", "not iterable", "params.yaml")):
        advice = EDIT_PARAMS  # what must be a list is missing or none, or the file is not YAML
    elif "dvc.yaml" in message:
        advice = f"{RESTORE} dvc.yaml"
    return Check("pipeline", "fault", f"DVC cannot read the project: {message}", advice)


def _init(root: Path) -> str:
    if git(root, "ls-files", "--", ".dvc/config"):
        return f"{RESTORE} .dvc"
    if (root / ".git").exists():
        return "dvc init"
    above = any((folder / ".git").exists() for folder in root.parents)
    return "dvc init --subdir" if above else "dvc init --no-scm"
