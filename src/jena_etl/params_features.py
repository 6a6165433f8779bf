"""The blocks of `features` in params.yaml, which arrays.json and the model files hold as well.

A feature is one column, or two, computed from the measurements of each row and of earlier rows.
Here is what can be asked for, by its `kind`; the formulas are in `prepare/features.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from jena_etl.csv_dialect import Text
from jena_etl.params_check import Block, check_known


class FeatureBlock(Block):
    """What all kinds have in common."""

    kind: str

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, block: object) -> object:
        """Say which key was meant, which `params_check` cannot for a block of several kinds."""
        for key in block if isinstance(block, Mapping) else ():
            check_known(str(key), cls.model_fields, f"{key} is not a key")
        return block

    @property
    def inputs(self) -> dict[str, str]:
        """The columns that it is computed from, by the keys that name them."""
        return {key: value for key, value in self if isinstance(value, str) and key != "kind"}

    @property
    def rows_back(self) -> Sequence[int]:
        """How many rows before its own each row lies that a value is computed from."""
        return (0,)

    @property
    def reads_timestamps(self) -> bool:
        """Whether it is computed from the timestamps rather than from a column."""
        return not self.inputs

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns, each with the unit of its input in parentheses, if any."""
        raise NotImplementedError

    @property
    def unit_of(self) -> str | None:
        """The input whose unit its columns have; None if they have none."""
        return next(iter(self.inputs.values()), None)


class CyclicTime(FeatureBlock):
    """Sine and cosine of the time of day, by the station's clock, or of the time of year."""

    kind: Literal["time_of_day", "time_of_year"]

    @property
    def names(self) -> tuple[str, ...]:
        time = self.kind.replace("_", " ")
        return f"{time}, sine", f"{time}, cosine"


class WindVector(FeatureBlock):
    """The wind towards the east and towards the north, in the unit of the speed.

    Attributes:
        speed: the column of the wind speed.
        direction: the column of the direction that the wind comes from, in degrees from north.
    """

    kind: Literal["wind_vector"]
    speed: Text = "wv (m/s)"
    direction: Text = "wd (deg)"

    @property
    def names(self) -> tuple[str, ...]:
        return _named(self.speed, "eastward"), _named(self.speed, "northward")


class Difference(FeatureBlock):
    """A column's change over a number of rows.

    Attributes:
        column: the column.
        rows: how many rows back the earlier value lies.
    """

    kind: Literal["difference"]
    column: Text
    rows: PositiveInt

    @property
    def rows_back(self) -> Sequence[int]:
        return 0, self.rows

    @property
    def names(self) -> tuple[str, ...]:
        return (_named(self.column, f"difference over {self.rows} rows"),)


class PressureTendency(FeatureBlock):
    """The change of the air pressure, which WMO reports over 3 hours.

    Attributes:
        column: the column of the pressure.
        rows: how many rows back the earlier value lies; 18 rows of ten minutes are 3 hours.
    """

    kind: Literal["pressure_tendency"]
    column: Text = "p (mbar)"
    rows: PositiveInt = 18

    @property
    def rows_back(self) -> Sequence[int]:
        return 0, self.rows

    @property
    def names(self) -> tuple[str, ...]:
        return (_named(self.column, f"tendency over {self.rows} rows"),)


class Rolling(FeatureBlock):
    """The mean, minimum or maximum of a column over the row and those before it.

    Attributes:
        column: the column.
        rows: how many rows it is taken over, the row itself included.
    """

    kind: Literal["rolling_mean", "rolling_minimum", "rolling_maximum"]
    column: Text
    rows: Annotated[int, Field(ge=2)]

    @property
    def rows_back(self) -> Sequence[int]:
        return range(self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        return (_named(self.column, f"{self.kind.replace('_', ' ')} over {self.rows} rows"),)


class DewPointDepression(FeatureBlock):
    """The temperature minus the dew point: 0 where the air is saturated.

    Attributes:
        temperature: the column of the air temperature.
        dew_point: the column of the dew point, in the same unit.
    """

    kind: Literal["dew_point_depression"]
    temperature: Text = "T (degC)"
    dew_point: Text = "Tdew (degC)"

    @property
    def names(self) -> tuple[str, ...]:
        return (f"dew point depression{_unit_in(self.temperature)}",)


Feature = Annotated[
    CyclicTime | WindVector | Difference | PressureTendency | Rolling | DewPointDepression,
    Field(discriminator="kind"),
]
# YAML has lists only; strict mode would refuse one where a tuple is declared.
Features = Annotated[tuple[Feature, ...], Field(strict=False)]


def feature_units(features: Iterable[FeatureBlock], units: Mapping[str, str]) -> dict[str, str]:
    """The unit of each feature's columns, by name, in order; "" where there is none.

    `units` are those of the measurements, by name.
    """
    return {
        name: units[feature.unit_of] if feature.unit_of else ""
        for feature in features
        for name in feature.names
    }


def feature_names(features: Iterable[FeatureBlock]) -> tuple[str, ...]:
    """The names of the columns of all features, in order."""
    return tuple(name for feature in features for name in feature.names)


def history(features: Iterable[FeatureBlock]) -> int:
    """How many rows before a row its features are computed from.

    >>> history([Difference(kind="difference", column="T", rows=6), CyclicTime(kind="time_of_day")])
    6
    """
    return max((max(feature.rows_back) for feature in features), default=0)


def check_features(features: Iterable[FeatureBlock], columns: Sequence[str]) -> None:
    """Refuse features that cannot be computed from these columns, or that share a name.

    Raises:
        ValueError: an input is not one of the columns, or a name is there already.
    """
    taken = set(columns)
    for feature in features:
        for key, column in feature.inputs.items():
            fault = f"features.{feature.kind}.{key}: {column!r} is not one of convert.columns"
            check_known(column, columns, fault)
        for name in feature.names:
            if name in taken:
                raise ValueError(
                    f"features: there are two columns {name!r}; remove one, or rename the column "
                    "of the file"
                )
            taken.add(name)


def _named(column: str, what: str) -> str:
    """The name of a column that is computed from another, its unit still at the end.

    >>> _named("max. wv (m/s)", "difference over 6 rows"), _named("CO2", "difference over 6 rows")
    ('max. wv difference over 6 rows (m/s)', 'CO2 difference over 6 rows')
    """
    unit = _unit_in(column)
    return f"{column.removesuffix(unit)} {what}{unit}"


def _unit_in(name: str) -> str:
    """The unit at the end of a name, with its parentheses; "" if it has none."""
    _, opened, unit = name.rpartition(" (")
    return f"{opened}{unit}" if opened and unit.endswith(")") else ""
