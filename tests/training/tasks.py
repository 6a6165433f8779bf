"""A task for models that are trained on made-up columns."""

from __future__ import annotations

from jena_etl.training.metadata import ForecastTask


def task(*columns: str, sequence_length: int = 3) -> ForecastTask:
    """Forecast the first of these columns one row ahead; column k has mean k and std k + 1."""
    return ForecastTask(
        columns=columns,
        units=tuple(f"unit of {name}" for name in columns),
        mean=tuple(float(at) for at in range(len(columns))),
        std=tuple(at + 1.0 for at in range(len(columns))),
        step_seconds=600,
        sequence_length=sequence_length,
        sampling_rate=1,
        horizon=1,
        target=columns[0],
        target_unit=f"unit of {columns[0]}",
        climate_sha256="c" * 64,
    )
