"""Reads climate.parquet, once for each stage that needs it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from jena_etl.errors import ProjectError
from jena_etl.files import read_parquet


@dataclass(frozen=True)
class Climate:
    """The series in memory: arrays of shape (rows,).

    Attributes:
        timestamps: datetime64[s].
        columns: float64 arrays by name, in the order of `convert.columns`; no value is missing.
    """

    timestamps: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.timestamps)

    @cached_property
    def sha256(self) -> str:
        """A digest of the names, their order and the values.

        Unlike the file's own digest, it does not depend on the version of Arrow that wrote the
        file, so a new version of that library does not rebuild what records this digest.
        """
        digest = hashlib.sha256("\0".join(self.columns).encode())
        for array in (self.timestamps, *self.columns.values()):
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        return digest.hexdigest()


def read_climate(path: Path) -> Climate:
    """Read climate.parquet.

    Raises:
        ProjectError: the file is missing or damaged, or convert did not write it.
    """
    table = read_parquet(path, built_by="convert")
    types = [column.type for column in table.schema]
    if not (types and pa.types.is_timestamp(types[0]) and set(types[1:]) <= {pa.float64()}):
        raise _not_converted(path, "a column of timestamps, then columns of float64")
    if any(column.null_count for column in table.columns):
        raise _not_converted(path, "a value in every cell")
    return Climate(
        table.column(0).to_numpy().astype("datetime64[s]"),
        {name: table.column(name).to_numpy() for name in table.column_names[1:]},
    )


def _not_converted(path: Path, expected: str) -> ProjectError:
    return ProjectError(
        f"{path.name} is not what convert writes, expected {expected}; "
        "build it again: dvc repro -f convert"
    )
