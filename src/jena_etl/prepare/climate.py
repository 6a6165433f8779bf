"""Reads climate.parquet, and the features computed from it, once for each stage that needs them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from jena_etl.errors import ProjectError
from jena_etl.files import read_parquet, replacing
from jena_etl.params_features import Feature, Features, feature_names, history
from jena_etl.stage_output import Part, Sha256

RECORD = b"jena_etl"  # the key of the FeaturesRecord in the schema of features.parquet


@dataclass(frozen=True)
class Climate:
    """The series in memory: arrays of shape (rows,).

    Attributes:
        timestamps: datetime64[s].
        columns: float64 arrays by name, in the order of `convert.columns` and then of `features`;
            no value is missing.
        features: what the last of these columns were computed from; empty if all were measured.
    """

    timestamps: np.ndarray
    columns: dict[str, np.ndarray]
    features: tuple[Feature, ...] = ()

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def measurements(self) -> dict[str, np.ndarray]:
        """The columns that were measured."""
        computed = feature_names(self.features)
        return {name: column for name, column in self.columns.items() if name not in computed}

    @property
    def history(self) -> int:
        """How many rows before a row its features are computed from."""
        return history(self.features)

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


class FeaturesRecord(Part):
    """What features.parquet was computed from, as the file itself says.

    Attributes:
        climate_sha256: the digest of the measurements.
        features: the features.
    """

    climate_sha256: Sha256
    features: Features


def read_climate(path: Path) -> Climate:
    """Read climate.parquet: the measurements alone.

    Raises:
        ProjectError: the file is missing or damaged, or convert did not write it.
    """
    return _climate(read_parquet(path, built_by="convert"), path, built_by="convert")


def write_features(path: Path, climate: Climate, features: Climate) -> None:
    """Write features.parquet: the columns `features`, which were computed from `climate`."""
    import polars as pl  # which reading does without

    from jena_etl.ingest.parquet import write_parquet

    record = FeaturesRecord(climate_sha256=climate.sha256, features=features.features)
    timestamps = pl.Series("timestamp", features.timestamps.astype("datetime64[ms]"))
    frame = pl.DataFrame([timestamps, *(pl.Series(n, v) for n, v in features.columns.items())])
    with replacing(path) as part:
        write_parquet([frame], part, metadata={RECORD.decode(): record.model_dump_json()})


def read_series(climate: Path, features: Path) -> Climate:
    """Read what models learn from: the measurements, and the features computed from them.

    Raises:
        ProjectError: a file is missing or damaged, or the features were computed from other
            measurements.
    """
    measured = read_climate(climate)
    table = read_parquet(features, built_by="features")
    computed = _climate(table, features, built_by="features")
    try:
        record = FeaturesRecord.model_validate_json((table.schema.metadata or {}).get(RECORD, b""))
    except ValidationError:
        raise _not_as_written(features, "features", "a record of the features") from None
    if record.climate_sha256 != measured.sha256:
        raise ProjectError(
            f"{features.name} was computed from an earlier {climate.name}; "
            "build it again: dvc repro features"
        )
    if not record.features:
        return measured
    return Climate(measured.timestamps, measured.columns | computed.columns, record.features)


def _climate(table: pa.Table, path: Path, *, built_by: str) -> Climate:
    types = [column.type for column in table.schema]
    if not (types and pa.types.is_timestamp(types[0]) and set(types[1:]) <= {pa.float64()}):
        expected = "a column of timestamps, then columns of float64"
        raise _not_as_written(path, built_by, expected)
    if any(column.null_count for column in table.columns):
        raise _not_as_written(path, built_by, "a value in every cell")
    return Climate(
        table.column(0).to_numpy().astype("datetime64[s]"),
        {name: table.column(name).to_numpy() for name in table.column_names[1:]},
    )


def _not_as_written(path: Path, stage: str, expected: str) -> ProjectError:
    return ProjectError(
        f"{path.name} is not what {stage} writes, expected {expected}; "
        f"build it again: dvc repro -f {stage}"
    )
