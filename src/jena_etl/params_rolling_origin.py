"""The block `rolling_origin` of params.yaml: which folds there are, and how many rows they have."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from jena_etl.params_check import Block, listed


def _origin(text: object) -> object:
    """Refuse a time that DVC or a file system could not use as a name."""
    if isinstance(text, date):
        msg = f"{text} is read as a date, not as text; put it in quotation marks"
        raise ValueError(msg)  # noqa: TRY004  pydantic reports no TypeError
    if isinstance(text, str):
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d)?", text, re.ASCII):
                raise ValueError  # noqa: TRY301  the same for both
            datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is not a date such as '2014-01-01', or '2014-01-01T06' with its hour"
            ) from None
    return text


Time = Annotated[str, BeforeValidator(_origin)]


class RollingOrigin(Block):
    """The folds: each is trained on rows before an origin and scored on rows after it.

    Attributes:
        origins: the times at which the scored rows of a fold begin; none: no folds.
        test_rows: how many rows are scored.
        validation_rows: how many rows before the origin choose the best epoch.
        train_rows: how many rows before those are trained on; None for all (an expanding window).
        gap: rows between the latest label that may be learnt and the last input of the first
            scored forecast.
    """

    origins: Annotated[tuple[Time, ...], Field(strict=False)]
    test_rows: PositiveInt
    validation_rows: PositiveInt
    train_rows: PositiveInt | None
    gap: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _origins_differ(self) -> RollingOrigin:
        times = [datetime.fromisoformat(origin) for origin in self.origins]
        if times != sorted(set(times)):
            raise ValueError("origins must be in time order, each once")
        return self

    def origin(self, text: str) -> str:
        """The one of `origins` that a command line names."""
        return listed(text, "rolling_origin.origins", self.origins)
