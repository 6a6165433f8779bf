"""A project in another git repository: `open_project(URL, rev="v1")`.

What reading needs is fetched once for each commit into a cache on this machine, from git and from
the project's DVC remote, and is read from there.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jena_etl.errors import JenaEtlError, ProjectError
from jena_etl.fetched_files import Repository, cannot_write, commit_of, open_commit
from jena_etl.files import write_json
from jena_etl.fold_project import FoldProject
from jena_etl.horizon_project import HorizonProject
from jena_etl.prepare.outputs import LACKING, StationList
from jena_etl.project import Project
from jena_etl.text import without_credentials

NEEDED = (
    "params.yaml",
    "data/processed/statistics.json",
    "data/processed/splits.json",
    "data/processed/arrays.json",
    "data/processed/features.npy",
    "data/processed/targets.npy",
    "data/processed/timestamps.npy",
)
# Committed, or built, by most projects; without them, what reads them says so.
USEFUL = (
    "data/interim/source.json",
    "data/processed/stations/stations.json",
    "reports/MODEL_CARD.md",
    "reports/data_card.json",
    "reports/leaderboard.csv",
    "reports/leaderboard.md",
    "reports/prediction_intervals.json",
)
RECORD = "fetched.json"  # the size of each file, written once all are here


@dataclass(frozen=True)
class FetchedProject(Project):
    """A commit of a project in another git repository, read-only.

    `root` is a folder of the cache, which holds what reading needs. A model is fetched when it is
    first asked for, and `fetch` brings any other file of the commit. Nothing can be built in it:
    for that, clone the repository.

    Attributes:
        url: the repository, without credentials.
        commit: the commit.
    """

    url: str
    commit: str
    address: str = field(repr=False, compare=False)  # with credentials, if there are any

    def model_file(self, architecture: str) -> Path:
        """The model file of an architecture, fetched if it is not here yet."""
        return self.fetch(f"models/{architecture}.keras")

    def ensemble_file(self, name: str) -> Path:
        """The file of an ensemble, fetched if it is not here yet."""
        return self.fetch(f"data/ensembles/{name}.keras")

    def trained_model(self, model: str) -> str:
        """The architecture that `forecaster` would load for this name.

        It may be one that only the other repository knows.

        Raises:
            ProjectError: there is no such model, or no leaderboard to say which is the best.
        """
        from jena_etl.evaluation.leaderboard import read_leaderboard
        from jena_etl.evaluation.predictions import BASELINES

        if self.leaderboard_csv.is_file():
            rows = read_leaderboard(self.leaderboard_csv)
            if model in {row["architecture"] for row in rows}.difference(BASELINES):
                return model
        return super().trained_model(model)

    def fold(self, origin: str) -> FoldProject:
        """Refuse: what was prepared for a fold is not fetched with a project."""
        raise self._is_not_fetched(f"the fold {origin}")

    def further_horizon(self, horizon: int) -> HorizonProject:
        """Refuse: the windows of a further horizon are not fetched with a project."""
        raise self._is_not_fetched(f"the horizon {horizon}")

    def _is_not_fetched(self, what: str) -> ProjectError:
        return ProjectError(
            f"{what} is not fetched with a project; use a clone: git clone {self.url}"
        )

    def source_files(self) -> list[Path]:
        """Refuse: a fetched project holds what the stages made of the source files."""
        raise ProjectError(
            f"the source files are not fetched with a project; get them: dvc get {self.url} "
            f"data/download --rev {self.commit}"
        )

    def fetch(self, path: str) -> Path:
        """Bring a file of the commit, given by its path in the project, into the cache.

        Returns:
            Where it lies. It is read-only, and is fetched once.

        Raises:
            ProjectError: the commit has no such file, or it was never pushed, is damaged or cannot
                be fetched.
        """
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ProjectError(f"{path!r} is not a path in the project; write it relative to it")
        here = self.root / path
        if not here.is_file():
            with _alone(self.root), open_commit(self.address, self.url, self.commit) as files:
                files.fetch(path, here)
        return here


def open_fetched(
    address: str | Path, *, rev: str | None, cache_dir: str | Path | None
) -> FetchedProject:
    """Open a project in another git repository; `jena_etl.open_project` explains the arguments."""
    address = str(Path(address).resolve()) if Path(address).is_dir() else os.fspath(address)
    url = without_credentials(address)
    commit = commit_of(address, url, rev)
    if cache_dir is None:
        import platformdirs

        cache_dir = platformdirs.user_cache_path("jena-etl") / "projects"
    # A commit names its files' hashes, so it is enough to tell two versions apart.
    project = FetchedProject(Path(cache_dir) / commit, url=url, commit=commit, address=address)
    if not _is_complete(project.root):
        with _alone(project.root):
            if not _is_complete(project.root):  # another process may have fetched it meanwhile
                _fetch_all(project)
    return project


def _fetch_all(project: FetchedProject) -> None:
    """Fetch what is not here yet, make sure that it belongs together, and record its sizes."""
    with open_commit(project.address, project.url, project.commit) as files:
        if not files.has("params.yaml"):
            raise ProjectError(
                f"{project.url} is not a jena-etl project: commit {project.commit[:12]} has no "
                "params.yaml at its root; check the address and rev"
            )
        wanted = [*NEEDED, *filter(files.has, USEFUL)]
        for path in wanted:
            files.fetch(path, project.root / path)
        for path in _of_further_stations(project, files):
            files.fetch(path, project.root / path)
            wanted.append(path)
    try:
        for split in ("train", "validation", "test"):
            project.windows(split, project.stations.names or None)
    except JenaEtlError as error:
        raise ProjectError(
            f"{project.url} at commit {project.commit[:12]} cannot be read: {error}; that has to "
            "be done in the repository, then commit and dvc push"
        ) from None
    write_json(
        project.root / RECORD, {path: (project.root / path).stat().st_size for path in wanted}
    )


def _of_further_stations(project: FetchedProject, files: Repository) -> Iterator[str]:
    """What reading the windows of the further stations needs; or why one is left out."""
    folder = "data/processed"
    needed = [path.removeprefix(folder) for path in NEEDED if path.startswith(folder)]
    for name in StationList.listed(project.stations_json).further:
        station = f"{folder}/stations/{name}"
        if files.has(f"{station}/{LACKING}"):
            yield f"{station}/{LACKING}"
        else:
            yield from (f"{station}{file}" for file in (*needed, "/data_card.json"))


def _is_complete(root: Path) -> bool:
    """Whether all files were fetched and none has been cut short or removed since."""
    try:
        sizes = json.loads((root / RECORD).read_text(encoding="utf-8"))
        return all((root / path).stat().st_size == size for path, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait until no other process fetches into this folder."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        lock = root.with_suffix(".lock").open("w")
    except OSError as error:
        raise cannot_write(root.parent, error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
