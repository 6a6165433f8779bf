"""The block `stations` of params.yaml: stations that models learn from besides the first one."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from jena_etl.csv_dialect import Text
from jena_etl.params_check import Block, check_known, listed

LONGEST_NAME = 60


def _station_name(name: str) -> str:
    """Refuse a name that DVC or a file system could not use."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(
            f"{name!r} cannot be the name of a station, as folders and stages are named after it; "
            "use letters, digits and underscores, and begin with a letter"
        )
    if len(name) > LONGEST_NAME:
        raise ValueError(
            f"{name!r} is too long for the name of a station; use at most {LONGEST_NAME} letters"
        )
    return name


Name = Annotated[str, AfterValidator(_station_name)]


class FurtherStation(Block):
    """What differs from the blocks `download` and `convert` for one of the further stations.

    Attributes:
        download: keys of `download`; `bytes` and `sha256` are null unless they are given here.
        convert: keys of `convert`, but for `columns` and `units`, which all stations share.
    """

    download: dict[Text, Any]
    convert: dict[Text, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _shares_columns(self) -> FurtherStation:
        for key in ("columns", "units"):
            if key in self.convert:
                raise ValueError(
                    f"convert.{key} cannot differ from station to station, as one model reads all "
                    "of them; a file with other names in its header has to be renamed first"
                )
        return self


class Stations(Block):
    """The stations of a project.

    Attributes:
        first: the name of the station whose files the block `download` names; needed only if there
            are further ones.
        further: the further stations by name.
        unseen: those of them that no model learns from.
        on_lacking_column: what to do with one whose file lacks one of the columns.
        statistics: whether features are normalised with the mean and standard deviation of all
            stations' train rows, or each station's with its own.
    """

    first: Name | None
    further: dict[Name, FurtherStation]
    unseen: Annotated[tuple[Text, ...], Field(strict=False)]
    on_lacking_column: Literal["error", "leave_out"]
    statistics: Literal["pooled", "per_station"]

    @model_validator(mode="after")
    def _names_fit_together(self) -> Stations:
        if self.further and self.first is None:
            raise ValueError(
                "first is empty; give the station whose files download.url names a name, too"
            )
        names = [name.casefold() for name in self.names]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two stations are called {twice!r}; call one of them something else")
        for name in self.unseen:
            fault = f"unseen names {name!r}, which is not one of further"
            check_known(name, self.further, fault)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all stations, the first one first; none if there is only one station."""
        return (str(self.first), *self.further) if self.further else ()

    def further_station(self, name: str) -> FurtherStation:
        """The one of `further` that a command line names."""
        return self.further[listed(name, "stations.further", self.further)]
