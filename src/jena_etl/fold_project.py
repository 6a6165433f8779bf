"""One fold of the rolling origin, read as a project of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jena_etl.errors import ProjectError
from jena_etl.project import Project
from jena_etl.project_paths import PathIn


@dataclass(frozen=True)
class FoldProject(Project):
    """A project that reads the statistics, splits and arrays of a fold of the rolling origin.

    All other paths are the project's own.

    Attributes:
        origin: the time at which the rows that are scored begin, as in params.yaml.
    """

    origin: str

    processed = PathIn("data/folds/{origin}")

    @contextmanager
    def about(self) -> Iterator[None]:
        """Name the fold in what goes wrong, and the stage, which makes all of it."""
        try:
            yield
        except ProjectError as error:
            what = str(error).partition("; build")[0]
            raise ProjectError(
                f"data/folds/{self.origin}: {what}; build it: dvc repro -f fold@{self.origin}"
            ) from None
