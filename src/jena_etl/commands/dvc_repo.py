"""What DVC knows about a project: its stages, their outputs and its cache.

The project's files are not listed here: dvc.yaml and dvc.lock list them, and DVC reads those.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from jena_etl.files import md5_of_file


@dataclass(frozen=True)
class Output:
    """An output that dvc.lock records.

    Attributes:
        path: its path, relative to the project folder.
        stage: the stage that builds it.
        bytes: the recorded size.
        state: "" (as recorded), "deleted" or "modified" in the workspace.
        objects: the cache files that hold it; none where dvc.yaml says `cache: false`.
        in_cache: whether all of them exist.
    """

    path: str
    stage: str
    bytes: int
    state: str
    objects: frozenset[Path]
    in_cache: bool

    @property
    def is_cached(self) -> bool:
        """Whether DVC is meant to keep a copy."""
        return bool(self.objects)


@dataclass(frozen=True)
class Pipeline:
    """The stages of dvc.yaml, compared with what dvc.lock records of them.

    Attributes:
        outputs: the outputs of every stage that has been built.
        unbuilt: the stages that dvc.lock does not know.
        stale: the stages whose inputs have changed since they were built, each with what changed.
            A missing or damaged output does not make a stage stale; `outputs` reports it.
    """

    outputs: tuple[Output, ...]
    unbuilt: tuple[str, ...]
    stale: dict[str, tuple[str, ...]]

    @property
    def stages(self) -> int:
        """The number of stages."""
        return len({output.stage for output in self.outputs}) + len(self.unbuilt)


@contextmanager
def open_repo(root: Path, *, rehash: bool) -> Iterator[Any]:
    """The DVC repository that contains `root`.

    DVC remembers the hash of a file by its time, inode and size, so it misses bytes that changed in
    place on the disk. With `rehash` it starts without that memory (core.site_cache_dir).
    """
    from dvc.repo import Repo

    with TemporaryDirectory() as empty:
        config = {"core": {"site_cache_dir": empty}} if rehash else None
        with closing(Repo(str(root), config=config)) as repo:
            yield repo


def stages_of(repo: Any, root: Path) -> list[Any]:
    """DVC's objects for the stages of the project's dvc.yaml."""
    dvc_yaml = (root / "dvc.yaml").resolve()
    return [stage for stage in repo.index.stages if Path(stage.path).resolve() == dvc_yaml]


def read_pipeline(repo: Any, root: Path) -> Pipeline:
    """Compare the workspace with dvc.lock as `dvc status` does, holding DVC's locks.

    While a stage runs, `dvc repro` releases the repository's lock and locks the stage's files
    instead; this takes both locks.
    """
    from dvc.repo import lock_repo
    from dvc.stage.decorators import rwlocked

    @rwlocked(read=["deps", "outs"])  # type: ignore[untyped-decorator]
    def outputs_of(stage: Any) -> list[Output]:
        return [_output(out, stage.name, root) for out in stage.outs]

    with lock_repo(repo):
        stages = stages_of(repo, root)
        built = [stage for stage in stages if any(out.hash_info for out in stage.outs)]
        outputs = [output for stage in built for output in outputs_of(stage)]
        spoiled = [Path(output.path) for output in outputs if output.state]
        changes = {stage.name: _changes(stage, root, spoiled) for stage in built}
        return Pipeline(
            outputs=tuple(outputs),
            unbuilt=tuple(stage.name for stage in stages if stage not in built),
            stale={name: changed for name, changed in changes.items() if changed},
        )


def cache_files(repo: Any) -> list[Path]:
    """Every file of the cache, including those of earlier versions and of experiments."""
    folder = cache_folder(repo)
    return sorted(path for path in folder.glob("[0-9a-f]" * 2 + "/*") if _digest(path))


def cache_folder(repo: Any) -> Path:
    """Where DVC keeps the contents of files, each named by its MD5."""
    return Path(repo.cache.local.path)


def has_remote(repo: Any) -> bool:
    """Whether there is a remote to `dvc pull` from."""
    return bool(repo.config["core"].get("remote"))


def can_be_pulled(root: Path) -> set[str]:
    """The outputs recorded in dvc.lock that a remote may hold; empty if DVC cannot tell."""
    from dvc.utils.serialize import load_yaml

    try:
        with open_repo(root, rehash=False) as repo:
            stages = load_yaml(root / "dvc.lock")["stages"].values() if has_remote(repo) else ()
            return {out["path"] for stage in stages for out in stage["outs"]}
    except Exception:  # noqa: BLE001  doctor says what is wrong, not inspect
        return set()


def damaged(files: list[Path]) -> list[Path]:
    """The cache files whose bytes do not have the MD5 that they are named by.

    DVC itself trusts a read-only cache file without reading it.
    """
    total = sum(file.stat().st_size for file in files)
    found = []
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for path in files:
            if md5_of_file(path) != _digest(path):
                found.append(path)
            bar.update(path.stat().st_size)
    return found


def _digest(path: Path) -> str:
    """The MD5 that a cache file is named by; "" for any other file, such as an unfinished copy."""
    name = path.parent.name + path.name.removesuffix(".dir")
    return name if len(name) == 32 and set(name) <= set("0123456789abcdef") else ""  # noqa: PLR2004


def _output(out: Any, stage: str, root: Path) -> Output:
    return Output(
        path=_relative(out, root),
        stage=stage,
        bytes=out.meta.size or 0,
        state=next(iter(out.workspace_status().values()), ""),
        objects=_objects(out),
        in_cache=out.use_cache and not out.changed_cache(),
    )


def _objects(out: Any) -> frozenset[Path]:
    if not out.use_cache:
        return frozenset()
    names = {out.hash_info.value}
    if out.hash_info.isdir and (folder := out.get_obj()):
        names |= {content.value for _, _, content in folder}
    return frozenset(Path(out.cache.oid_to_path(name)) for name in names)


def _changes(stage: Any, root: Path, spoiled: list[Path]) -> tuple[str, ...]:
    changes = ["its command"] if stage.cmd_changed else []
    for dep in stage.deps:
        for change in dep.status().values():
            if isinstance(change, dict):  # keys of params.yaml
                changes += change
            elif not _touches(Path(_relative(dep, root)), spoiled):
                changes.append(_relative(dep, root))
    return tuple(changes)


def _touches(path: Path, outputs: list[Path]) -> bool:
    return any(path.is_relative_to(out) or out.is_relative_to(path) for out in outputs)


def _relative(item: Any, root: Path) -> str:
    return Path(item.fs_path).relative_to(root).as_posix()
