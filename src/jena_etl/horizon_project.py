"""A project whose windows have one of the further horizons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jena_etl.errors import ProjectError
from jena_etl.project import Project
from jena_etl.project_paths import PathIn


@dataclass(frozen=True)
class HorizonProject(Project):
    """A project that reads the splits of a further horizon.

    All else is the project's own, its statistics and arrays as well: they do not depend on how far
    ahead a window's target lies.

    Attributes:
        horizon: sampled steps from the last input to the target.
    """

    horizon: int

    splits_json = PathIn("data/horizons/{horizon}/splits.json")

    @contextmanager
    def about(self) -> Iterator[None]:
        """Name the file and the stage that are the horizon's in what goes wrong."""
        try:
            yield
        except ProjectError as error:
            text = re.sub(
                r"(?<!/)splits\.json", f"data/horizons/{self.horizon}/splits.json", str(error)
            )
            raise ProjectError(
                re.sub(r"(dvc repro (?:-f )?)splits\b", rf"\g<1>horizon@{self.horizon}", text)
            ) from None
