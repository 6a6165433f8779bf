"""What DVC knows of a project: its stages, their outputs, its cache.

Nothing here lists the project's files: dvc.yaml and dvc.lock do, and DVC reads them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm


@dataclass(frozen=True)
class Output:
    """An output that dvc.lock records.

    Attributes:
        path: relative to the project folder.
        stage: what builds it.
        bytes: its size as recorded.
        state: "" (as recorded), "deleted" or "modified" in the workspace.
        objects: the cache files that hold it; none where dvc.yaml says `cache: false`.
        in_cache: they are all there.
    """

    path: str
    stage: str
    bytes: int
    state: str
    objects: frozenset[Path]
    in_cache: bool

    @property
    def is_cached(self) -> bool:
        """DVC keeps a copy, or should."""
        return bool(self.objects)


@dataclass(frozen=True)
class Pipeline:
    """The stages of dvc.yaml beside what dvc.lock records of them.

    Attributes:
        outputs: those of every stage that has been built.
        unbuilt: the stages that dvc.lock does not know.
        stale: the stages that were built from something other than what is there now, each with
            what has changed. An output that is gone or damaged does not count: see `outputs`.
    """

    outputs: tuple[Output, ...]
    unbuilt: tuple[str, ...]
    stale: dict[str, tuple[str, ...]]

    @property
    def stages(self) -> int:
        """How many there are."""
        return len({output.stage for output in self.outputs}) + len(self.unbuilt)


@contextmanager
def open_repo(root: Path, *, rehash: bool) -> Iterator[Any]:
    """The DVC repository that `root` lies in.

    DVC remembers the hash of a file by its time, inode and size, and does not see bytes that
    rotted in place. `rehash` lets it start without that memory (its setting core.site_cache_dir).
    """
    from dvc.repo import Repo

    with TemporaryDirectory() as empty:
        config = {"core": {"site_cache_dir": empty}} if rehash else None
        with closing(Repo(str(root), config=config)) as repo:
            yield repo


def read_pipeline(repo: Any, root: Path) -> Pipeline:
    """Compare the workspace with dvc.lock, under DVC's locks, as `dvc status` does.

    A `dvc repro` gives the repository's lock away while a stage runs and holds that of the
    stage's files; both are asked for here.
    """
    from dvc.repo import lock_repo
    from dvc.stage.decorators import rwlocked

    @rwlocked(read=["deps", "outs"])  # type: ignore[untyped-decorator]
    def outputs_of(stage: Any) -> list[Output]:
        return [_output(out, stage.name, root) for out in stage.outs]

    with lock_repo(repo):
        own = (root / "dvc.yaml").resolve()
        stages = [stage for stage in repo.index.stages if Path(stage.path).resolve() == own]
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
    """Every file of the cache, those of earlier versions and of experiments included."""
    folder = cache_folder(repo)
    return sorted(path for path in folder.glob("[0-9a-f]" * 2 + "/*") if _digest(path))


def cache_folder(repo: Any) -> Path:
    """Where DVC keeps the files' contents, each under its own MD5."""
    return Path(repo.cache.local.path)


def has_remote(repo: Any) -> bool:
    """There is a place to `dvc pull` from."""
    return bool(repo.config["core"].get("remote"))


def can_be_pulled(root: Path) -> set[str]:
    """The outputs that dvc.lock records, where a remote may hold them; none if DVC cannot say."""
    from dvc.utils.serialize import load_yaml

    try:
        with open_repo(root, rehash=False) as repo:
            stages = load_yaml(root / "dvc.lock")["stages"].values() if has_remote(repo) else ()
            return {out["path"] for stage in stages for out in stage["outs"]}
    except Exception:  # noqa: BLE001  inspect says what it can; doctor says what is wrong
        return set()


def damaged(files: list[Path]) -> list[Path]:
    """The cache files whose bytes are not those that their name promises.

    DVC itself trusts a read-only cache file unread.
    """
    total = sum(file.stat().st_size for file in files)
    found = []
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for path in files:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "md5").hexdigest() != _digest(path):
                    found.append(path)
            bar.update(path.stat().st_size)
    return found


def _digest(path: Path) -> str:
    """The MD5 that a cache file is named by; "" for a file of another kind, as a copy cut off."""
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
            if isinstance(change, dict):  # of params.yaml
                changes += change
            elif not _touches(Path(_relative(dep, root)), spoiled):
                changes.append(_relative(dep, root))
    return tuple(changes)


def _touches(path: Path, others: list[Path]) -> bool:
    return any(path.is_relative_to(other) or other.is_relative_to(path) for other in others)


def _relative(item: Any, root: Path) -> str:
    return Path(item.fs_path).relative_to(root).as_posix()
