"""The series that a forecast is issued from: the project's own, or a station's newer export."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jena_etl.errors import DataError, DialectError
from jena_etl.files import read_parquet
from jena_etl.forecasting.forecaster import check_regular
from jena_etl.params import Convert
from jena_etl.prepare.climate import Climate, read_climate
from jena_etl.project import Project
from jena_etl.training.metadata import ModelMetadata


@dataclass(frozen=True)
class Series:
    """Measurements with their timestamps.

    Attributes:
        name: the file that they come from.
        climate: the timestamps and the columns.
        findings: the cells without a measurement, as convert writes them: row, column, kind, value.
        warnings: what is wrong with the file, one fact per line.
    """

    name: str
    climate: Climate
    findings: pa.Table
    warnings: tuple[str, ...] = ()

    def row_of(self, at: np.datetime64 | None) -> int:
        """The row with this timestamp, which is the last such row; None for the last of all.

        Raises:
            DataError: there is no such row; names the one before it.
        """
        timestamps = self.climate.timestamps
        if at is None:
            return len(timestamps) - 1
        rows = np.flatnonzero(timestamps == at)
        if not len(rows):
            earlier = timestamps[timestamps < at]
            near = f"the one before it is {earlier.max()}" if len(earlier) else "all are later"
            raise DataError(f"{self.name} has no row at {at}; {near}")
        return int(rows[-1])

    def window(self, row: int, metadata: ModelMetadata) -> Climate:
        """The rows that a forecast issued at `row` needs.

        Raises:
            DataError: there are too few rows before it, one is missing, or the model would read a
                cell that holds no measurement.
        """
        spec, timestamps = metadata.spec, self.climate.timestamps
        first = row - metadata.rows + 1
        if first < 0:
            raise DataError(
                f"{self.name} has {row + 1:,} rows up to {timestamps[row]}, where the forecast is "
                f"issued; {metadata.architecture} reads {metadata.rows:,}"
            )
        rows = slice(first, row + 1)
        try:
            check_regular(timestamps[rows], metadata.step_seconds)
        except DataError as error:
            raise DataError(
                f"no forecast can be issued from {self.name} at {timestamps[row]}, because in the "
                f"rows up to it {error}; choose another time with --at"
            ) from None
        steps = np.arange(row - spec.last_input, row + 1, spec.sampling_rate)
        read = {
            name: np.unique(steps[:, np.newaxis] - metadata.rows_back(name))
            for name in metadata.measurements
        }
        for finding in self._findings(np.arange(first, row + 1)):
            if finding["row"] in read.get(finding["column"], ()):
                raise DataError(
                    f"no forecast can be issued from {self.name} at {timestamps[row]}, because "
                    f"{metadata.architecture} reads {finding['column']!r} at "
                    f"{timestamps[finding['row']]}, where {_words(finding)}; choose another time "
                    "with --at"
                )
        columns = {name: self.climate.columns[name][rows] for name in metadata.measurements}
        return Climate(timestamps[rows], columns)

    def measured(
        self, column: str, *, after: np.datetime64, up_to: np.datetime64
    ) -> tuple[np.ndarray, np.ndarray]:
        """The timestamps in this period at which a column holds a measurement, and its values."""
        timestamps = self.climate.timestamps
        rows = np.flatnonzero((timestamps > after) & (timestamps <= up_to))
        unmeasured = [found["row"] for found in self._findings(rows) if found["column"] == column]
        rows = np.setdiff1d(rows, unmeasured)
        return timestamps[rows], self.climate.columns[column][rows]

    def _findings(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """The cells of these rows that hold no measurement."""
        found: list[dict[str, Any]] = self.findings.filter(
            np.isin(self.findings["row"].to_numpy(), rows)
        ).to_pylist()
        return found


def project_series(project: Project) -> Series:
    """The series that the convert stage has written.

    Raises:
        ProjectError: it is not built, or damaged.
    """
    return _read(project.source.summary.name, project.climate_parquet, project.findings_parquet)


def exported_series(file: Path, options: Convert, metadata: ModelMetadata) -> Series:
    """A station's newer export: a .csv, a .csv.gz or a .zip, read with the convert block.

    What that block refuses is refused, and what it fills or keeps is counted in the warnings.

    Args:
        file: the export.
        options: how it is written. If none of `members` is in the file, it may hold one CSV alone.
        metadata: names the columns to read.

    Raises:
        SourceError: the file cannot be read.
        DataError: the file is not what params.yaml says, or lacks a column that the model reads.
    """
    # Imported here, because a forecast from the project's series need not wait for Polars.
    from jena_etl.ingest.archives import member_names
    from jena_etl.ingest.convert import convert, render_conversion

    if not file.is_file():
        raise DataError(f"{file} is not a file; name a .csv, a .csv.gz or a .zip")
    known = set(options.members or ()) <= set(member_names([file]))
    options = options.model_copy(
        update={"columns": metadata.measurements, "members": options.members if known else None}
    )
    _check_columns(file, options, metadata)
    with tempfile.TemporaryDirectory() as folder:
        outs = Path(folder, "climate.parquet"), Path(folder, "findings.parquet")
        conversion = convert([file], *outs, options)
        _, *warnings = render_conversion(conversion).splitlines()
        return _read(file.name, *outs, warnings=tuple(warnings))


def _check_columns(file: Path, options: Convert, metadata: ModelMetadata) -> None:
    """Refuse a file that lacks a column, before convert would advise to leave the column out."""
    from jena_etl.ingest.archives import open_members
    from jena_etl.ingest.csv_reader import read_csv

    with open_members([file], options.members) as members:
        for name, chunks in members:
            try:
                read_csv(name, chunks, options)
            except DialectError as error:
                if "columns" in error.fields:
                    raise DataError(
                        f"{error.fault}; {metadata.architecture} reads that column: export it as "
                        "well, or name a model that does not read it with --model"
                    ) from None
                return  # convert says the rest


def _read(name: str, climate: Path, findings: Path, *, warnings: tuple[str, ...] = ()) -> Series:
    columns = ("row", "column", "kind", "value")  # what is read of it
    table = read_parquet(findings, built_by="convert", columns=columns)
    return Series(name, read_climate(climate), table, warnings)


def _words(finding: dict[str, Any]) -> str:
    if finding["kind"] == "missing":
        return "the cell is missing"
    if finding["kind"] == "frozen":
        return f"the sensor is frozen at {finding['value']:g}"
    return f"{finding['value']:g} is a sentinel"
