"""One of a project's further stations, read as a project of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jena_etl.errors import JenaEtlError
from jena_etl.prepare.outputs import LACKING, Splits, StationList, Statistics
from jena_etl.project import Project
from jena_etl.project_paths import PathIn

if TYPE_CHECKING:  # a stage that reads no windows must not depend on them
    from jena_etl.prepare.data_card import DataCard

# The stage that builds for a further station what others build for the first one.
STAGES = {
    "download": "download_station",
    "convert": "convert_station",
    "features": "convert_station",
    "statistics": "prepare_station",
    "splits": "prepare_station",
    "arrays": "prepare_station",
}
COMMAND = re.compile(rf"(?<=dvc repro )(-f )?({'|'.join(STAGES)})( splits| arrays)?(?![@\w])")


def with_own_stages(message: str, name: str) -> str:
    """A message whose commands name the stages of a further station.

    >>> with_own_stages("build it: dvc repro -f splits", "potsdam")
    'build it: dvc repro -f prepare_station@potsdam'
    """
    return COMMAND.sub(lambda found: f"{found[1] or ''}{STAGES[found[2]]}@{name}", message)


@dataclass(frozen=True)
class OneStation(Project):
    """One station, read as a project that has no other.

    Its `windows` and `batches` are the station's own; the models are the whole project's. This
    class reads the first or only station.

    Attributes:
        whole: the project that it is part of; None for the one in the folder `root`.
    """

    whole: Project | None = field(default=None, kw_only=True, repr=False, compare=False)

    @cached_property
    def stations(self) -> StationList:
        """The station alone."""
        return StationList(first=None, further=(), unseen=(), statistics="pooled")

    @property
    def _trained_in(self) -> Project:
        return self.whole or Project(self.root)

    def model_file(self, architecture: str) -> Path:
        """The model file of an architecture; a fetched project fetches it."""
        return self._trained_in.model_file(architecture)

    def ensemble_file(self, name: str) -> Path:
        """The file of an ensemble; a fetched project fetches it."""
        return self._trained_in.ensemble_file(name)

    def trained_model(self, model: str) -> str:
        """The architecture or ensemble that `forecaster` would load for this name."""
        return self._trained_in.trained_model(model)


@dataclass(frozen=True)
class StationProject(OneStation):
    """A project that reads what was downloaded, converted and prepared for a further station.

    All other paths are the project's own.

    Attributes:
        name: the name of the station.
    """

    name: str

    downloads = PathIn("data/download_stations/{name}")
    interim = PathIn("data/interim/stations/{name}")
    processed = PathIn("data/processed/stations/{name}")
    # Those of the station's own train rows, to be pooled with the others'.
    own_statistics_json = PathIn("statistics.json", "interim")
    # Which columns the files lack, if the station is left out: as convert_station found, and as
    # prepare_station tells the stages that read all stations.
    converted_lacking_json = PathIn(LACKING, "interim")
    lacking_json = PathIn(LACKING, "processed")
    data_card_json = PathIn("data_card.json", "processed")

    @contextmanager
    def about(self) -> Iterator[None]:
        """Add the name of the station to what goes wrong, and name its own stages."""
        try:
            yield
        except JenaEtlError as error:
            named = f"station {self.name}: "  # already there, if the project itself has said it
            message = with_own_stages(str(error).removeprefix(named), self.name)
            error.args = (f"{named}{message}",)
            raise

    @property
    def inspect_command(self) -> str:
        """What to type to see what the station's files hold."""
        return f"jena-etl inspect --station {self.name}"

    @cached_property
    def own_statistics(self) -> Statistics:
        """The statistics of the station's own train rows."""
        built_by = f"convert_station@{self.name}"
        return Statistics.read(self.own_statistics_json, built_by=built_by)

    @cached_property
    def splits(self) -> Splits:
        """The rows, dates and windows of each split, with the window and the policy behind them."""
        with self.about():
            return super().splits

    @cached_property
    def data_card(self) -> DataCard:
        """What the station's files hold, and what is wrong with them."""
        with self.about():
            return super().data_card
