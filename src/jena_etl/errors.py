"""Every error this package raises on purpose.

JenaEtlError
├── ParamsError     params.yaml: an unknown key, a wrong type, a value out of range
├── SourceError     a source file: missing, damaged, or not the bytes that are pinned
├── DataError       what a file holds: its header, numbers or timestamps, too few rows
│   ├── DialectError  a CSV that is not written the way its Dialect says
│   └── LackingColumnsError  a CSV that has only some of the columns that models read
├── ProjectError    a stage's output: not built yet, or contradicting another one
├── WindowError     an argument of a window function (also a ValueError)
├── DeviceError     a GPU was asked for, and there is none
├── TrainingError   training that cannot continue, or a model file that cannot be used
└── SweepError      trainings side by side: the cluster, the file that describes a search

A message says what is wrong, what was found, what was expected and what to do
next. The CLI and the stages print it without a traceback and exit with code 2.
"""

from __future__ import annotations

from collections.abc import Mapping

from jena_etl.text import printable


class JenaEtlError(Exception):
    """The base of all errors below: catch this one to catch them all.

    Messages quote names from files and from params.yaml. `str` writes the characters in them that
    cannot be printed as escapes.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class ParamsError(JenaEtlError):
    """params.yaml holds something that no stage can work with."""


class SourceError(JenaEtlError):
    """A source file could not be fetched or read, or is not what params.yaml pins."""


class DataError(JenaEtlError):
    """The content of a source file is not a regular station export."""


class DialectError(DataError):
    """A CSV is not written the way its `Dialect` says: the dialect may be wrong, or the file.

    Attributes:
        fault: what is wrong, and where.
        fields: the fields of `Dialect` to change, with the value to set, or None if unknown.
        remedy: what to do about the file if the dialect is right.
        lacking: the columns that the file lacks, if it has others and nothing else is wrong.
    """

    def __init__(
        self,
        fault: str,
        fields: Mapping[str, str | None],
        *,
        remedy: str = "",
        lacking: tuple[str, ...] = (),
    ) -> None:
        self.fault, self.fields, self.remedy, self.lacking = fault, dict(fields), remedy, lacking
        super().__init__(self.message())

    def message(self, block: str = "") -> str:
        """The whole message; `block` is put before the name of each field, as in `convert.`."""
        settings = (
            f"{block}{name}: {value}".removesuffix(": None") for name, value in self.fields.items()
        )
        remedies = [*filter(None, [self.remedy]), f"set {' and '.join(settings)}"]
        return f"{self.fault}; {', or '.join(remedies)}"


class LackingColumnsError(DataError):
    """A CSV has only some of the columns that models read.

    Attributes:
        columns: those that it lacks.
    """

    def __init__(self, message: str, columns: tuple[str, ...] = ()) -> None:
        self.columns = columns
        super().__init__(message)


class ProjectError(JenaEtlError):
    """An output of a stage is missing or damaged, or contradicts another one."""


class WindowError(JenaEtlError, ValueError):
    """An argument of a window function is out of range."""


class DeviceError(JenaEtlError):
    """The device that was asked for is not available."""


class TrainingError(JenaEtlError):
    """Training cannot continue, or a model file cannot be used."""


class SweepError(JenaEtlError):
    """Trainings cannot be run side by side, or some of them have failed."""


def one_line(error: Exception) -> str:
    """What a command or a stage prints for an error that the user can put right.

    >>> one_line(IsADirectoryError(21, "Is a directory", "splits.json"))
    'splits.json: Is a directory; put that right, then try again'

    Args:
        error: one of the errors above, or an OSError. Those of NumPy and pyarrow do not name the
            file.
    """
    if not isinstance(error, OSError):
        return str(error)
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}; put that right, then try again"
    return f"{' '.join(str(error).split())}; check the disk and its folders, then try again"
