"""One of a project's further stations, read as a project of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jena_etl.errors import JenaEtlError
from jena_etl.prepare.outputs import LACKING, Stations
from jena_etl.project import Project

if TYPE_CHECKING:  # a stage that reads no windows must not depend on them
    from jena_etl.windows.split_windows import SeriesWindows

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


@contextmanager
def about_station(name: str) -> Iterator[None]:
    """Add the name of a further station to what goes wrong, and name its own stages."""
    try:
        yield
    except JenaEtlError as error:
        raise type(error)(f"station {name}: {with_own_stages(str(error), name)}") from None


def with_own_stages(message: str, name: str) -> str:
    """A message whose commands name the stages of a further station.

    >>> with_own_stages("build it: dvc repro -f splits", "potsdam")
    'build it: dvc repro -f prepare_station@potsdam'
    """
    return COMMAND.sub(lambda found: f"{found[1] or ''}{STAGES[found[2]]}@{name}", message)


@dataclass(frozen=True)
class OneStation(Project):
    """A station of a project that has several, read as a project that has no other.

    Its `windows` and `batches` are then those of the station. This class reads the first one.
    """

    @cached_property
    def stations(self) -> Stations:
        """The station alone."""
        return Stations(first=None, further=(), unseen=(), statistics="pooled")


@dataclass(frozen=True)
class StationProject(OneStation):
    """A project that reads what was downloaded, converted and prepared for a further station.

    All other paths are the project's own.

    Attributes:
        name: the name of the station.
    """

    name: str

    @property
    def downloads(self) -> Path:
        """The folder of the source files; nothing else may lie there."""
        return self.root / "data/download_stations" / self.name

    @property
    def interim(self) -> Path:
        """The folder of what was converted."""
        return self.interim_stations_json.parent / self.name

    @property
    def processed(self) -> Path:
        """The folder of what was prepared for the training."""
        return self.stations_json.parent / self.name

    @property
    def own_statistics_json(self) -> Path:
        """The statistics of the station's own train rows, to be pooled with the others'."""
        return self.interim / "statistics.json"

    @property
    def converted_lacking_json(self) -> Path:
        """Which columns the files lack, if the station is left out, as convert_station found."""
        return self.interim / LACKING

    @property
    def lacking_json(self) -> Path:
        """The same, as prepare_station tells the stages that read all stations."""
        return self.processed / LACKING

    @property
    def data_card_json(self) -> Path:
        """What the station's files hold, and what is wrong with them."""
        return self.processed / "data_card.json"

    @property
    def inspect_command(self) -> str:
        """What to type to see what the station's files hold."""
        return f"jena-etl inspect --station {self.name}"

    def series_windows(self, split: str) -> SeriesWindows:
        """The windows of the station: of train, validation or test."""
        with about_station(self.name):
            return super().series_windows(split)
