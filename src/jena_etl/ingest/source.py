"""source.json: what convert read, for later stages."""

from __future__ import annotations

from jena_etl.stage_output import Count, Part, Sha256, StageOutput


class SourceDigest(Part):
    """One file of the source."""

    name: str
    bytes: Count
    sha256: Sha256
    synthetic: bool


class SourceSummary(Part):
    """The files that were converted.

    Attributes:
        name: the names of the files.
        synthetic: whether `jena-etl synth` made one of them.
        files: the size and digest of each file.
        members: the CSV files that were read.
    """

    name: str
    synthetic: bool
    files: tuple[SourceDigest, ...]
    members: tuple[str, ...]


class RepeatedTimestamps(Part):
    """Rows with the timestamp of an earlier row.

    Attributes:
        count: how many there were in the files.
        differing: how many of them have other values than the earlier row.
        first: the first repeated timestamp.
        last: the last repeated timestamp.
        removed: whether these rows were removed.
    """

    count: Count
    differing: Count
    first: str | None
    last: str | None
    removed: bool


class Source(StageOutput, stage="convert"):
    """The content of source.json.

    Attributes:
        summary: the files that were converted.
        left_out: the columns that were not converted.
        units: the unit of each converted column, by name.
        rows_read: how many rows were read, before repeats were removed.
        repeats: the repeated timestamps.
    """

    summary: SourceSummary
    left_out: tuple[str, ...]
    units: dict[str, str]
    rows_read: Count
    repeats: RepeatedTimestamps
