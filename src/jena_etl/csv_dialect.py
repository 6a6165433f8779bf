"""How a CSV file is written: its encoding, separator, timestamps and columns.

`ingest.csv_reader.read_csv` reads a file by it, `ingest.dialect` guesses it from a sample, and the
`convert` block of params.yaml extends it with rules for cleaning.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]
# YAML has lists only; strict mode would refuse one where a tuple is declared.
Names = Annotated[tuple[Text, ...], Field(min_length=1, strict=False)]


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(
            f"{name!r} is not a text encoding that Python knows; set one like utf-8 or latin-1"
        ) from None
    return name


def _separator(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in '"\r\n.':
        raise ValueError(
            f"{text!r} cannot separate fields; set one character like ',', ';' or a tab"
        )
    return text


class Dialect(BaseModel):
    """How a CSV is written, and which of its columns to read.

    An impossible value, or two that contradict each other, raise pydantic's ValidationError, which
    names the field.

    Attributes:
        encoding: a text encoding, by Python's name for it.
        separator: the character between two fields.
        decimal: the decimal mark, a point or a comma.
        datetime_column: the column that holds the timestamps.
        datetime_format: the format of the timestamps, in strftime's notation.
        columns: the numeric columns to read, in the order wanted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    encoding: Annotated[str, AfterValidator(_encoding)]
    separator: Annotated[str, AfterValidator(_separator)]
    decimal: Literal[".", ","]
    datetime_column: Text
    datetime_format: Text
    columns: Names

    @model_validator(mode="after")
    def _can_be_read(self) -> Dialect:
        if self.decimal == self.separator:
            raise ValueError(
                f"decimal and separator are both {self.decimal!r}; files with decimal commas "
                "usually have the separator ';'"
            )
        if self.datetime_column in self.columns:
            raise ValueError(
                f"columns names {self.datetime_column!r}, the datetime_column; remove it there"
            )
        for name, times in Counter(self.columns).items():
            if times > 1:
                raise ValueError(f"columns names {name!r} twice; name each once")
        return self
