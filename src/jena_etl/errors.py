"""Every error this package raises on purpose.

JenaEtlError
├── ParamsError     params.yaml: an unknown key, a wrong type, a value out of range
├── SourceError     the source files: not there, not the pinned bytes, damaged
├── DataError       what the file holds: header, numbers, timestamps, too few rows
├── ProjectError    a stage's output: not built yet, or contradicting another one
├── WindowError     an argument of a window function (also a ValueError)
├── DeviceError     a GPU was asked for and there is none
└── TrainingError   training that cannot go on, or a model file that cannot be used

A message says what is wrong, what was found, what was expected and what to do
next. The CLI and the stages print it without a traceback and exit with code 2.
"""


class JenaEtlError(Exception):
    """Base of all errors below; catch this one to catch them all."""


class ParamsError(JenaEtlError):
    """params.yaml holds something that no stage can run with."""


class SourceError(JenaEtlError):
    """A source file could not be fetched or read, or is not what params.yaml pins."""


class DataError(JenaEtlError):
    """The source file's content is not a regular station export."""


class ProjectError(JenaEtlError):
    """An output of a stage is missing, damaged or contradicts another one."""


class WindowError(JenaEtlError, ValueError):
    """An argument of a window function is out of its range."""


class DeviceError(JenaEtlError):
    """The device asked for is not there."""


class TrainingError(JenaEtlError):
    """Training cannot go on, or a model file cannot be used."""
