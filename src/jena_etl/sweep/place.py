"""Where the project lies on a node of the cluster, and whether it is what the sweep began with."""

from __future__ import annotations

import hashlib
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jena_etl.errors import SweepError
from jena_etl.files import md5_of_file, sha256_of, write_text

FOLDER = "JENA_ETL_PROJECT"
MARK = "checkpoints/sweep-of"
# What shapes a result besides the files: Ray would set the first one, and so the number of threads
# that NumPy and LightGBM compute with.
SHAPING = ("OMP_NUM_THREADS", "KERAS_BACKEND")


@dataclass(frozen=True, kw_only=True)
class Place:
    """The project as whoever started the sweep sees it, to be compared with a node's.

    Attributes:
        root: its folder. A node whose project lies elsewhere, such as a clone of its own, names
            that folder in the environment variable JENA_ETL_PROJECT.
        files: the MD5 of each file or folder that the trainings read, by its path in the project.
        mark: what a file in the folder holds, so that a node can tell whether it sees that folder.
        shaping: the environment variables that shape a result.
    """

    root: Path
    files: Mapping[str, str]
    mark: str
    shaping: Mapping[str, str]

    @classmethod
    def of(cls, root: Path, files: Mapping[str, str]) -> Place:
        """The project in `root`, in which a mark is written."""
        mark = uuid.uuid4().hex
        write_text(root / MARK, mark)
        shaping = {name: os.environ[name] for name in SHAPING if name in os.environ}
        return cls(root=root.resolve(), files=files, mark=mark, shaping=shaping)

    def here(self) -> Path:
        """The project's folder on this node.

        Raises:
            SweepError: this node has no such folder, or a file in it is missing or another.
        """
        folder = Path(os.environ.get(FOLDER, self.root))
        where = f"node {_name_of_node()} has"
        if not folder.is_dir():
            raise SweepError(
                f"{where} no folder {folder}; share the project with it under that path, or clone "
                f"it there, dvc pull, and start its Ray with {FOLDER}=FOLDER ray start ..."
            )
        for name, md5 in self.files.items():
            found = md5_of(folder / name)
            if found != md5 and self.is_shared(folder):
                raise SweepError(
                    f"{name} has changed since the sweep began; change it back, or start the sweep "
                    "again, with the same command"
                )
            if found != md5:
                fault = f"another {name} than the sweep's" if found else f"no {name}"
                raise SweepError(
                    f"{where} {fault} in {folder}; there, type: git pull && dvc pull {name}"
                )
        return folder

    def is_shared(self, folder: Path) -> bool:
        """Whether `folder` is the same as that of whoever started the sweep."""
        mark = folder / MARK
        return mark.is_file() and mark.read_text(encoding="utf-8") == self.mark

    def environment(self) -> dict[str, str]:
        """The environment of a training on this node, as that of a stage that DVC starts."""
        kept = {name: value for name, value in os.environ.items() if name not in SHAPING}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {**kept, **self.shaping, "PATH": path}


def md5_of(path: Path) -> str | None:
    """The MD5 of a file, or of the names and contents of all files in a folder; None if absent.

    Hidden files do not count: DVC writes a .gitignore into folders with outputs.
    """
    if path.is_dir():
        text = hashlib.md5(usedforsecurity=False)
        for inner in sorted(path.rglob("[!.]*")):
            if inner.is_file():
                text.update(f"{inner.relative_to(path).as_posix()} {md5_of(inner)}\n".encode())
        return text.hexdigest()
    return md5_of_file(path) if path.is_file() else None


def digests(folder: Path, names: Sequence[str]) -> dict[str, str] | None:
    """The SHA-256 of each of these files; None if one is missing."""
    if not all((folder / name).is_file() for name in names):
        return None
    return {name: sha256_of(folder / name) for name in names}


def check_nodes(ray: Any, place: Place) -> None:
    """Refuse a cluster with a node on which no training could run.

    Raises:
        SweepError: names the node, what it lacks, and what to type there.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    check = ray.remote(_fault)
    faults = ray.get(
        [
            check.options(
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(place)
            for node in ray.nodes()
            if node["Alive"]
        ]
    )
    if found := [fault for fault in faults if fault]:
        raise SweepError("\n".join(found))


def _fault(place: Place) -> str | None:
    try:
        place.here()
    except SweepError as error:
        return str(error)
    return None


def _name_of_node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())[:8]
