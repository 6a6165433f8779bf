"""What one stage passes to the next as JSON: a frozen object that reads and writes its own file.

A subclass declares the fields, and pydantic checks them when the file is read. A file that is
damaged, or that another version of the project wrote, is refused with the name of the field, so
that no later stage works with incomplete input:

    class Statistics(StageOutput, stage="statistics"):
        rows: RowRange
        columns: dict[str, ColumnStatistics]

    Statistics.read(project.statistics_json).columns["T (degC)"].mean
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    ValidationError,
)

from jena_etl.errors import ProjectError
from jena_etl.files import not_built, write_json

Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _as_range(value: object) -> object:
    """Turn JSON's [start, stop] or [start, stop, step] into a range."""
    if isinstance(value, range):
        start, stop, step = value.start, value.stop, value.step
    elif isinstance(value, list) and len(value) in (2, 3) and all(type(v) is int for v in value):
        start, stop, step = value if len(value) == 3 else (*value, 1)  # noqa: PLR2004  see above
    else:
        raise ValueError("input should be whole numbers: [start, stop] or [start, stop, step]")
    if not 0 <= start <= stop or step < 1 or stop >= 1 << 63:
        raise ValueError("rows should ascend from 0 or later in steps of 1 or more")
    return range(start, stop, step)


def _not_empty(rows: range) -> range:
    if not rows:
        raise ValueError("input should hold at least one row")
    return rows


Rows = Annotated[
    InstanceOf[range],
    BeforeValidator(_as_range),
    PlainSerializer(lambda rows: [rows.start, rows.stop], return_type=list[int]),
]
"""Rows of climate.parquet, without the stop row; [start, stop] in JSON."""

Starts = Annotated[
    InstanceOf[range],
    BeforeValidator(_as_range),
    AfterValidator(_not_empty),
    PlainSerializer(lambda rows: [rows.start, rows.stop, rows.step], return_type=list[int]),
]
"""Rows in which windows start, at least one; [start, stop, step] in JSON."""


class Part(BaseModel):
    """A part of a `StageOutput`: frozen, types taken literally, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class StageOutput(Part):
    """The whole content of a stage's JSON output.

    Attributes:
        stage: the stage of dvc.yaml that writes it.
    """

    stage: ClassVar[str]

    def __init_subclass__(cls, stage: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.stage = stage

    def write(self, path: Path) -> None:
        """Write the file. The bytes depend on the content alone: fixed indent and order."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def read(cls, path: Path, *, built_by: str | None = None) -> Self:
        """Read what `write` wrote.

        Args:
            path: the file.
            built_by: the stage that writes it, where that is not `stage`.

        Raises:
            ProjectError: the file is missing or is not JSON, or a field has an unexpected value;
                names the field, what was found and the command that builds the file.
            OSError: the file cannot be opened.
        """
        stage = built_by or cls.stage
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise not_built(path, stage) from None
        except ValidationError as error:
            raise ProjectError(
                f"{path.name} {_fault(error)}; build it again: dvc repro -f {stage}"
            ) from None


def _fault(error: ValidationError) -> str:
    """Describe the first fault in one line."""
    fault = error.errors()[0]
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "json_invalid":
        return f"was damaged: it is not JSON ({message.removeprefix('Invalid JSON: ')})"
    field = ".".join(str(key) for key in fault["loc"])
    if fault["type"] == "missing":
        return f"was damaged, or another version wrote it: {field} is missing"
    place = f"{field}: " if field else ""
    found = "" if isinstance(fault["input"], dict) else f", found {fault['input']!r:.60}"
    return f"was damaged, or another version wrote it: {place}{message}{found}"
