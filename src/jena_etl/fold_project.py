"""One fold of the rolling origin, read as a project of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jena_etl.errors import ProjectError
from jena_etl.prepare.outputs import Splits
from jena_etl.project import Project


@dataclass(frozen=True)
class FoldProject(Project):
    """A project that reads the statistics, splits and arrays of a fold of the rolling origin.

    All other paths are the project's own.

    Attributes:
        origin: the time at which the rows that are scored begin, as in params.yaml.
    """

    origin: str

    @property
    def processed(self) -> Path:
        """The folder of what was prepared for the fold."""
        return self.root / f"data/folds/{self.origin}"

    def training_dependencies(self, architecture: str, *, stage: str = "train_fold") -> list[Path]:
        """The data and code that dvc.yaml declares for training `architecture` on the fold."""
        names = map(str, super().training_dependencies(architecture, stage=stage))
        return [Path(name.replace("${item.origin}", self.origin)) for name in names]

    def _checked_splits(self) -> Splits:
        try:
            return super()._checked_splits()
        except ProjectError as error:
            raise self._stale(error) from None

    def _array(self, path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        try:
            return super()._array(path, shape, dtype)
        except ProjectError as error:
            raise self._stale(error) from None

    def _stale(self, error: ProjectError) -> ProjectError:
        """The same error with the command that builds the fold, where one stage makes all of it."""
        what = str(error).partition("; build")[0]
        return ProjectError(
            f"data/folds/{self.origin}: {what}; build it: dvc repro -f fold@{self.origin}"
        )
