"""A project whose windows have one of the further horizons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jena_etl.errors import ProjectError
from jena_etl.prepare.outputs import Splits
from jena_etl.project import Project
from jena_etl.windows.split_windows import SeriesWindows


@dataclass(frozen=True)
class HorizonProject(Project):
    """A project that reads the splits of a further horizon.

    All else is the project's own, its statistics and arrays as well: they do not depend on how far
    ahead a window's target lies.

    Attributes:
        horizon: sampled steps from the last input to the target.
    """

    horizon: int

    @property
    def splits_json(self) -> Path:
        """The rows and windows of each split."""
        return self.root / f"data/horizons/{self.horizon}/splits.json"

    def training_dependencies(
        self, architecture: str, *, stage: str = "train_horizon"
    ) -> list[Path]:
        """The data and code that dvc.yaml declares for training `architecture` for the horizon."""
        names = map(str, super().training_dependencies(architecture, stage=stage))
        return [Path(name.replace("${item.horizon}", str(self.horizon))) for name in names]

    def series_windows(self, split: str) -> SeriesWindows:
        """The windows of train, validation or test; as of any project."""
        try:
            return super().series_windows(split)
        except ProjectError as error:
            raise self._of_horizon(error) from None

    def _checked_splits(self) -> Splits:
        try:
            return super()._checked_splits()
        except ProjectError as error:
            raise self._of_horizon(error) from None

    def _of_horizon(self, error: ProjectError) -> ProjectError:
        """The same error with the file and the stage that are the horizon's."""
        text = re.sub(
            r"(?<!/)splits\.json", f"data/horizons/{self.horizon}/splits.json", str(error)
        )
        return ProjectError(
            re.sub(r"(dvc repro (?:-f )?)splits\b", rf"\g<1>horizon@{self.horizon}", text)
        )
