"""What `jena-etl doctor` checks: can this project be built here, and is what it holds whole."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from jena_etl.commands import dvc_repo
from jena_etl.errors import ParamsError
from jena_etl.models import configure
from jena_etl.params import Params, read_params
from jena_etl.project import Project

PACKAGE = "jena-etl"
# What the figures depend on is always shown; the rest of what is required, when it is wrong.
SHOWN = ("dvc", "keras", "numpy", "polars", "pyarrow", "tensorflow")
BUILD = "dvc repro"
INSTALL = "uv sync --frozen"
MENDS = {
    "dvc.lock": "git restore dvc.lock",
    "dvc.yaml": "git restore dvc.yaml",
    "params.yaml": "mend params.yaml",
}


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked at.
        mark: ok, note (worth knowing) or fault (something is wrong).
        found: in words.
        next: the command to type in the project folder, or "".
    """

    name: str
    mark: Literal["ok", "note", "fault"]
    found: str
    next: str = ""


def examine(project: Project, *, verify: bool) -> list[Check]:
    """Check everything; a check that itself fails is a fault, and the others still run.

    Args:
        project: its folder may be in any state.
        verify: recompute every hash, of the workspace and of DVC's cache.
    """
    params, of_params = _params(project)
    checks = [_guarded("environment", environment), of_params]
    checks += _of_dvc(project, verify=verify)
    device = params.train.device if params else "auto"
    return [*checks, _guarded("gpu", lambda: gpu(device))]


def render_checks(checks: Iterable[Check]) -> str:
    """A line per check."""
    lines = []
    for check in checks:
        line = f"{check.mark:<6} {check.name:<12} {check.found}"
        lines.append(f"{line}: {check.next}" if check.next else line)
    return "\n".join(lines)


def as_dict(checks: Iterable[Check]) -> dict[str, Any]:
    """The report for programs."""
    listed = [asdict(check) for check in checks]
    return {"sound": all(check["mark"] != "fault" for check in listed), "checks": listed}


def environment() -> Check:
    """Python and packages against what this package asks for."""
    try:
        needed = [*_required(PACKAGE)]
        python = metadata(PACKAGE)["Requires-Python"]
    except PackageNotFoundError:
        return Check("environment", "fault", f"{PACKAGE} is not installed", INSTALL)
    wrong = [text for requirement in needed if (text := _wrong(requirement))]
    running = platform.python_version()
    if running not in SpecifierSet(python):
        wrong.insert(0, f"python is {running}, needed is {python}")
    if wrong:
        return Check("environment", "fault", "; ".join(wrong), INSTALL)
    found = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    found = f"python {running}, {found}"
    called = shutil.which("python")
    if not called or Path(called).parent != Path(sys.executable).parent:
        here = shlex.quote(str(Path(sys.executable).with_name("activate")))
        found += f"; but the stages would run {called or 'no python at all'}"
        return Check("environment", "note", found, f"source {here}")
    return Check("environment", "ok", found)


def gpu(device: str) -> Check:
    """The NVIDIA driver's own list; TensorFlow would take seconds to say the same.

    Args:
        device: train.device; without a GPU, gpu is a fault.
    """
    listed = _run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    if not listed:
        found = "no NVIDIA GPU is visible (nvidia-smi)"
        if device == "gpu":
            advice = "install its driver, or set train.device: auto"
            return Check("gpu", "fault", f"train.device is gpu, but {found}", advice)
        return Check("gpu", "note", f"{found}; models train on the CPU")
    found = ", ".join(listed.splitlines())
    if lacking := [need.name for need in _required("tensorflow", "and-cuda") if _wrong(need)]:
        found += f"; but TensorFlow lacks {_some(lacking)} and trains on the CPU"
        return Check("gpu", "fault" if device == "gpu" else "note", found, "uv sync --extra gpu")
    return Check("gpu", "ok", found)


def pipeline_is_current(pipeline: dvc_repo.Pipeline) -> Check:
    """Is what dvc.lock records what the code and the params of today would build."""
    if not pipeline.stages:
        return Check("pipeline", "fault", "dvc.yaml is missing here", MENDS["dvc.yaml"])
    if not pipeline.outputs:
        return Check("pipeline", "note", "nothing built yet", BUILD)
    if pipeline.stale:
        stale = [f"{name} ({_some(why)} changed)" for name, why in pipeline.stale.items()]
        found = f"out of date, with all that follows from it: {_some(stale)}"
        return Check("pipeline", "fault", found, BUILD)
    if pipeline.unbuilt:
        return Check("pipeline", "note", f"not built yet: {_some(pipeline.unbuilt)}", BUILD)
    return Check("pipeline", "ok", f"{pipeline.stages} stages, all up to date")


def cache_is_sound(
    pipeline: dvc_repo.Pipeline, files: list[Path], rotten: list[Path], *, verify: bool
) -> Check:
    """Are DVC's own copies there, and with `verify` their bytes right."""
    known = {path: output for output in pipeline.outputs for path in output.objects}
    # One that is gone from the workspace, too, is told of there.
    missing = [o for o in pipeline.outputs if o.is_cached and not (o.in_cache or o.state)]
    wrong = [f"{path} is damaged ({_holds(known.get(path))})" for path in rotten]
    wrong += [f"{output.path} is not in it" for output in missing]
    if not wrong:
        size = _size(sum(file.stat().st_size for file in files))
        how = "every hash recomputed" if verify else "bytes: --verify"
        return Check("cache", "ok", f"{len(files)} files, {size} ({how})")
    steps = [_command("rm -f", map(str, rotten))]
    if pipeline.stale or any(output.state for output in pipeline.outputs):
        steps += [] if rotten else [BUILD]
    else:
        # What is whole in the workspace goes into the cache again without running anything. With
        # something changed there, the same command would record the change as if it had been run.
        touched = [*missing, *(known[path] for path in rotten if path in known)]
        steps += [_command("dvc commit -f", sorted({output.stage for output in touched}))]
    return Check("cache", "fault", _some(wrong), " && ".join(step for step in steps if step))


def data_is_whole(
    pipeline: dvc_repo.Pipeline, rotten: Iterable[Path], *, remote: bool, verify: bool
) -> Check:
    """Are the outputs there, as dvc.lock records them."""
    spoiled = [output for output in pipeline.outputs if output.state]
    if not spoiled:
        how = "every hash recomputed" if verify else "by size and time; bytes: --verify"
        return Check("data", "ok", f"{_outputs(pipeline.outputs)}, all there ({how})")
    modified = [output.path for output in spoiled if output.state == "modified"]
    kept = [o.path for o in spoiled if o.in_cache and o.objects.isdisjoint(rotten)]
    lost = [output.path for output in spoiled if output.path not in kept]
    steps = [_command("rm -r", modified), _command("dvc checkout", kept)]
    if lost:
        steps += [_command("dvc pull", lost) if remote else BUILD]
    found = _some([f"{output.path} is {output.state}" for output in spoiled])
    return Check("data", "fault", found, " && ".join(step for step in steps if step))


def disk(root: Path, cache: Path, pipeline: dvc_repo.Pipeline) -> Check:
    """Can the project folder be written, and is there room for one more complete run.

    A run in which everything changes adds every cached output to the cache, restores what is
    missing in the workspace, and writes each file aside before it takes the old one's place.
    """
    if not os.access(root, os.W_OK | os.X_OK):
        return Check(
            "disk", "fault", f"{root} cannot be written", f"ls -ld {shlex.quote(str(root))}"
        )
    outputs = pipeline.outputs
    aside = max((output.bytes for output in outputs), default=0)
    missing = sum(output.bytes for output in outputs if output.state == "deleted")
    kept = sum(output.bytes for output in outputs if output.is_cached)
    needs: dict[int, int] = {}
    free: dict[int, int] = {}
    for folder, need in ((root, aside + missing), (_existing(cache), kept)):
        device = folder.stat().st_dev
        needs[device] = needs.get(device, 0) + need
        free[device] = shutil.disk_usage(folder).free
    found = "; ".join(
        f"{_size(free[at])} free, a complete run takes {_size(need)}"
        if outputs
        else f"{_size(free[at])} free; what a run takes is known after the first"
        for at, need in needs.items()
    )
    if any(free[at] < need for at, need in needs.items()):
        return Check("disk", "fault", found, "dvc gc --all-commits")
    return Check("disk", "ok", found)


def _params(project: Project) -> tuple[Params | None, Check]:
    try:
        params = read_params(project.params_yaml)
        for name in params.architectures:
            configure(name, params.models[name])
    except (ParamsError, OSError) as error:
        found = "; ".join(str(error).splitlines())
        return None, Check("params", "fault", found, MENDS["params.yaml"])
    return params, Check("params", "ok", f"architectures: {', '.join(params.architectures)}")


def _of_dvc(project: Project, *, verify: bool) -> list[Check]:
    """The checks that need DVC; where it cannot read the project, one line says why."""
    root = project.root.resolve()
    checks: list[Check] = []
    try:
        with dvc_repo.open_repo(root, rehash=verify) as repo:
            files = dvc_repo.cache_files(repo)
            rotten = dvc_repo.damaged(files) if verify else []
            pipeline = dvc_repo.Pipeline((), (), {})
            try:
                pipeline = dvc_repo.read_pipeline(repo, root)
                checks.append(pipeline_is_current(pipeline))
            except Exception as error:  # noqa: BLE001  DVC's faults are of a dozen kinds
                checks.append(_dvc_refused(error, root))
            # The cache comes first: what is damaged there must go before DVC restores from it.
            checks.append(cache_is_sound(pipeline, files, rotten, verify=verify))
            if pipeline.outputs:
                remote = dvc_repo.has_remote(repo)
                checks.append(data_is_whole(pipeline, rotten, remote=remote, verify=verify))
            checks.append(disk(root, dvc_repo.cache_folder(repo), pipeline))
    except Exception as error:  # noqa: BLE001  the same
        checks.append(_dvc_refused(error, root))
    return checks


def _dvc_refused(error: Exception, root: Path) -> Check:
    from dvc.exceptions import NotDvcRepoError
    from dvc.lock import LockError
    from dvc.scm import SCMError

    said = " ".join(str(error).split())
    if isinstance(error, NotDvcRepoError):
        return Check("pipeline", "fault", f"{root} is no DVC repository", _init(root))
    if isinstance(error, LockError):
        said = "another DVC process is at work here, so its state cannot be told"
        return Check("pipeline", "note", said, "wait for it, then ask again")
    if isinstance(error, SCMError):
        return Check("pipeline", "fault", said, "git init")
    advice = next((advice for name, advice in MENDS.items() if name in said), "dvc status")
    return Check("pipeline", "fault", f"DVC cannot read the project: {said}", advice)


def _init(root: Path) -> str:
    if (root / ".git").exists():
        return "dvc init"
    above = any((folder / ".git").exists() for folder in root.parents)
    return "dvc init --subdir" if above else "dvc init --no-scm"


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  a line for each check, whatever state the machine is in
        return Check(name, "fault", f"could not be checked: {type(error).__name__}: {error}")


def _required(package: str, extra: str = "") -> list[Requirement]:
    """What a package asks for on this machine."""
    needed = [Requirement(text) for text in requires(package) or []]
    return [need for need in needed if not need.marker or need.marker.evaluate({"extra": extra})]


def _wrong(requirement: Requirement) -> str:
    """What is wrong with a requirement as it is installed, or ""."""
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(installed, prereleases=True):
        return ""
    return f"{requirement.name} is {installed}, needed is {requirement.specifier}"


def _run(*command: str) -> str:
    """What a command says; "" where it fails or is not there."""
    try:
        done = subprocess.run(  # noqa: S603  fixed words, no outside input
            command, capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()


def _outputs(outputs: Iterable[Any]) -> str:
    every = list(outputs)
    return f"{len(every)} outputs, {_size(sum(output.bytes for output in every))}"


def _holds(output: dvc_repo.Output | None) -> str:
    return output.path if output else "an earlier version of something"


def _command(verb: str, names: Iterable[str]) -> str:
    """`verb` with the names as a shell takes them; "" without any."""
    listed = " ".join(map(shlex.quote, names))
    return listed and f"{verb} {listed}"


def _some(names: Iterable[str], most: int = 3) -> str:
    """The first few of a list.

    >>> _some("abcde")
    'a, b, c and 2 more'
    """
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def _size(count: int) -> str:
    """A number of bytes in a unit of at least one.

    >>> _size(999), _size(13_565_642), _size(2_000_000_000)
    ('999 bytes', '13.6 MB', '2.0 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
