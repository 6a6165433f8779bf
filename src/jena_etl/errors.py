"""Every error this package raises on purpose.

JenaEtlError
├── ParamsError     params.yaml: an unknown key, a wrong type, a value out of range
├── SourceError     the source files: not there, not the pinned bytes, damaged
├── DataError       what the file holds: header, numbers, timestamps, too few rows
│   └── DialectError  the CSV is not written as its Dialect says
├── ProjectError    a stage's output: not built yet, or contradicting another one
├── WindowError     an argument of a window function (also a ValueError)
├── DeviceError     a GPU was asked for and there is none
└── TrainingError   training that cannot go on, or a model file that cannot be used

A message says what is wrong, what was found, what was expected and what to do
next. The CLI and the stages print it without a traceback and exit with code 2.
"""

from __future__ import annotations

from collections.abc import Mapping

from jena_etl.text import printable


class JenaEtlError(Exception):
    """Base of all errors below; catch this one to catch them all.

    Names from files and from params.yaml stand in the messages; as text, an error shows what
    cannot be printed in them as escapes.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class ParamsError(JenaEtlError):
    """params.yaml holds something that no stage can run with."""


class SourceError(JenaEtlError):
    """A source file could not be fetched or read, or is not what params.yaml pins."""


class DataError(JenaEtlError):
    """The source file's content is not a regular station export."""


class DialectError(DataError):
    """A CSV is not written as its `Dialect` says; names the fields of it that may be wrong.

    Attributes:
        fault: what is wrong, and where.
        fields: the fields of `Dialect` to change, each with the value to set where that is known.
        remedy: what to do about the file, if the dialect is right.
    """

    def __init__(self, fault: str, fields: Mapping[str, str | None], *, remedy: str = "") -> None:
        self.fault, self.fields, self.remedy = fault, dict(fields), remedy
        super().__init__(self.message())

    def message(self, block: str = "") -> str:
        """The whole message; `block` is where the fields stand, as in `convert.`."""
        named = (
            f"{block}{name}: {value}".removesuffix(": None") for name, value in self.fields.items()
        )
        remedies = [*filter(None, [self.remedy]), f"set {' and '.join(named)}"]
        return f"{self.fault}; {', or '.join(remedies)}"


class ProjectError(JenaEtlError):
    """An output of a stage is missing, damaged or contradicts another one."""


class WindowError(JenaEtlError, ValueError):
    """An argument of a window function is out of its range."""


class DeviceError(JenaEtlError):
    """The device asked for is not there."""


class TrainingError(JenaEtlError):
    """Training cannot go on, or a model file cannot be used."""


def one_line(error: Exception) -> str:
    """What a command or a stage prints of an error that a user can put right.

    >>> one_line(IsADirectoryError(21, "Is a directory", "splits.json"))
    'splits.json: Is a directory; put that right, then try again'

    Args:
        error: one of the errors above, or an OSError. NumPy's and pyarrow's OSErrors name no file.
    """
    if not isinstance(error, OSError):
        return str(error)
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}; put that right, then try again"
    return f"{' '.join(str(error).split())}; check the disk and its folders, then try again"
