"""Windows of a long time series, from a station's zip to scored forecasts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jena_etl.errors import (
        DataError,
        DeviceError,
        JenaEtlError,
        ParamsError,
        ProjectError,
        SourceError,
        TrainingError,
        WindowError,
    )
    from jena_etl.project import Project, open_project
    from jena_etl.windows.grid import segments_from_timestamps
    from jena_etl.windows.spec import WindowSpec
    from jena_etl.windows.timeseries import timeseries_dataset_from_array

__version__ = "0.2.0"

__all__ = [
    "DataError",
    "DeviceError",
    "JenaEtlError",
    "ParamsError",
    "Project",
    "ProjectError",
    "SourceError",
    "TrainingError",
    "WindowError",
    "WindowSpec",
    "open_project",
    "segments_from_timestamps",
    "timeseries_dataset_from_array",
]

_DEFINED_IN = {
    "Project": "project",
    "WindowSpec": "windows.spec",
    "open_project": "project",
    "segments_from_timestamps": "windows.grid",
    "timeseries_dataset_from_array": "windows.timeseries",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `jena-etl --help` does not wait for NumPy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_DEFINED_IN.get(name, 'errors')}"), name)
