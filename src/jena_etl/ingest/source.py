"""source.json: what convert read, for the stages after it."""

from __future__ import annotations

from jena_etl.stage_output import Count, Part, Sha256, StageOutput


class SourceDigest(Part):
    """One file of the source."""

    name: str
    bytes: Count
    sha256: Sha256
    synthetic: bool


class SourceSummary(Part):
    """What was converted.

    Attributes:
        name: of the files.
        synthetic: whether `jena-etl synth` made one of them.
        files: each with its size and digest.
        members: the CSV files that were read.
    """

    name: str
    synthetic: bool
    files: tuple[SourceDigest, ...]
    members: tuple[str, ...]


class RepeatedTimestamps(Part):
    """Rows whose timestamp an earlier row has.

    Attributes:
        count: as they were read.
        differing: those with other values than the first time.
        first: the first such timestamp.
        last: the last one.
        removed: whether they were taken out.
    """

    count: Count
    differing: Count
    first: str | None
    last: str | None
    removed: bool


class Source(StageOutput, stage="convert"):
    """The content of source.json.

    Attributes:
        summary: the files.
        left_out: their columns that were not converted.
        units: of the columns that were, by name.
        rows_read: before repeated timestamps were removed, if they were.
        repeats: those timestamps.
    """

    summary: SourceSummary
    left_out: tuple[str, ...]
    units: dict[str, str]
    rows_read: Count
    repeats: RepeatedTimestamps
