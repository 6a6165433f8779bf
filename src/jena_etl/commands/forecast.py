"""What `jena-etl forecast` does: one forecast, beside the naive one and what was observed."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jena_etl.commands.chart import HEIGHT, Mark, chart
from jena_etl.commands.wording import duration_text, timestamp_text
from jena_etl.errors import DataError, ProjectError
from jena_etl.evaluation.leaderboard import read_leaderboard
from jena_etl.evaluation.prediction_intervals import COVERAGE, Quantiles
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.forecasting.forecaster import NEEDED, Forecaster, load_forecaster
from jena_etl.forecasting.series import exported_series, project_series
from jena_etl.params import Convert, Params, read_params
from jena_etl.project import Project
from jena_etl.stage_output import Part
from jena_etl.training.device import use_device
from jena_etl.training.metadata import ModelMetadata
from jena_etl.training.model_file import read_metadata

DRAWN = np.timedelta64(24, "h")  # how much of the past


class Forecast(Part):
    """One forecast, as `--json` prints it; docs/forecast.md lists the fields.

    Attributes:
        model: the architecture.
        source: the file that the measurements come from.
        split: the split of the project that the issue time lies in; None if it lies in none.
        issued: the timestamp of the last row that the model reads.
        timestamp: the time that is forecast.
        target: the column that is forecast.
        unit: its unit, in which the next four are; "" if it is not known.
        forecast: the model's forecast.
        quantiles: the values that the target is below with a probability of 10, 50 and 90%; None if
            it is not known how far off the model may be.
        naive: the target at the issue time.
        observed: what was measured at `timestamp`; None if that is not known.
        warnings: what is wrong with the source, and what is to be said about the model.
    """

    model: str
    source: str
    split: str | None
    issued: str
    timestamp: str
    target: str
    unit: str
    forecast: float
    quantiles: Quantiles | None
    naive: float
    observed: float | None
    warnings: tuple[str, ...]


class Issued(NamedTuple):
    """A forecast, and what was measured up to it.

    Attributes:
        forecast: the forecast.
        timestamps: of the measurements, datetime64[s] of shape (rows,).
        values: the target at these times, (rows,).
    """

    forecast: Forecast
    timestamps: np.ndarray
    values: np.ndarray


def issue(project: Project | None, *, model: str, at: str | None, source: Path | None) -> Issued:
    """Make one forecast.

    Whatever can be refused is refused before the model is loaded, which takes seconds.

    Args:
        project: the project that you are in. Outside of one, the model has to be a file.
        model: the name of an architecture or ensemble of the project, "best", or the path of a
            .keras file.
        at: the timestamp of the last row that the model may read; None for the last row of all.
        source: a station's newer export, read as the project's params say; outside of a project,
            as `jena-etl peek` guesses. None for the project's own series.

    Raises:
        JenaEtlError: there is no such model or time, or the measurements up to it have a hole, lack
            a column or hold no measurement.
    """
    params = read_params(project.params_yaml) if project else None
    given = Path(model) if model.endswith(".keras") else None
    file = given or _trained(project, model)
    metadata = read_metadata(file)
    if source is not None:
        options, guessed = _how_to_read(source, params)
        series = exported_series(source, options, metadata)
    elif project:
        series, guessed = project_series(project), []
    else:
        raise DataError(f"name the measurements for {file.name} with --source")
    row = series.row_of(None if at is None else _timestamp(at))
    window = series.window(row, metadata)
    issued = window.timestamps[-1]
    timestamp = (issued + np.timedelta64(metadata.lead_time)).astype("datetime64[s]")
    _, observed = series.measured(
        metadata.target, after=timestamp - np.timedelta64(1, "s"), up_to=timestamp
    )
    split = _split(project, metadata, issued) if project and not given else None
    deterministic = params.train.deterministic if params else True
    use_device("cpu", deterministic=deterministic)  # leaves a GPU's memory free
    if project and not given:
        forecaster = project.forecaster(project.trained_model(model))
    else:
        intervals = project.prediction_intervals_json if project else None
        forecaster = load_forecaster(file, intervals=intervals)
    predicted = forecaster.forecast(window.columns, window.timestamps)
    quantiles = _quantiles(forecaster, predicted)
    about = _about_the_model(project, model, split)
    if quantiles is None:
        about.append(f"no prediction interval: the errors of {file.name} are not known; {NEEDED}")
    return Issued(
        Forecast(
            model=metadata.architecture,
            source=series.name,
            split=split,
            issued=str(issued),
            timestamp=str(timestamp),
            target=metadata.target,
            unit=metadata.target_unit,
            forecast=_shortest(predicted[0]),
            quantiles=quantiles,
            naive=_shortest(forecaster.naive(window.columns)[0]),
            observed=float(observed[0]) if len(observed) else None,
            warnings=(*guessed, *series.warnings, *about),
        ),
        *series.measured(metadata.target, after=issued - DRAWN, up_to=issued),
    )


def _trained(project: Project | None, model: str) -> Path:
    if project is None:
        raise ProjectError(f"outside of a project, name a model file: --model {model}.keras")
    return project.trained_model_file(project.trained_model(model))


def _how_to_read(source: Path, params: Params | None) -> tuple[Convert, list[str]]:
    """How the export is written, and a warning if that is a guess."""
    if params:
        return params.convert, []
    from jena_etl.commands.peek import peek

    options = peek(source).convert
    guess = (
        f"{source.name} is read as guessed: separator {options.separator!r}, decimal mark "
        f"{options.decimal!r}, timestamps like {options.datetime_format!r} in "
        f"{options.datetime_column!r}; to see more: {shlex.join(['jena-etl', 'peek', str(source)])}"
    )
    return options, [guess]


def render_forecast(issued: Issued, encoding: str | None) -> str:
    """Format the forecast for a terminal of this encoding, with a drawing of the last 24 hours."""
    found = issued.forecast
    start, end = np.datetime64(found.issued), np.datetime64(found.timestamp)
    ahead = duration_text(int((end - start) / np.timedelta64(1, "s")))
    values = {"forecast": found.forecast, "naive": found.naive, "observed": found.observed}
    texts = {kind: _figure(value, found.unit) for kind, value in values.items()}
    marks = [Mark("past", issued.timestamps, issued.values)]
    if found.quantiles:
        low, high = found.quantiles.q10, found.quantiles.q90
        texts["forecast"] += f", {COVERAGE:.0%} interval {_figure(low)} to {_figure(high)}"
        marks.append(Mark("interval", np.full(HEIGHT, end), np.linspace(low, high, HEIGHT)))
    marks += [
        Mark(kind, np.array([end]), np.array([values[kind]]))
        for kind in ("observed", "naive", "forecast")
        if values[kind] is not None
    ]
    lines = [
        f"{found.target} on {timestamp_text(end)}, {ahead} after {timestamp_text(start)}",
        f"  from {found.source}, by {found.model}",
        "",
        *(f"  {kind:<10}{text}" for kind, text in texts.items()),
        "",
        chart(marks, encoding),
    ]
    return "\n".join(lines)


def _timestamp(text: str) -> np.datetime64:
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        timestamp = None
    if timestamp is None or timestamp.tzinfo is not None:
        raise DataError(
            f"--at {text!r:.60} is not a timestamp of the station's clock; write one like "
            "'2016-12-31 23:50'"
        )
    return np.datetime64(timestamp, "s")


def _split(project: Project, metadata: ModelMetadata, issued: np.datetime64) -> str | None:
    """The split that the time lies in, if the project's splits are of the model's own series."""
    splits = project.splits
    if splits.climate_sha256 != metadata.climate_sha256:
        return None
    for name, split in splits.splits.items():
        if np.datetime64(split.first) <= issued <= np.datetime64(split.last):
            return name
    return None


def _about_the_model(project: Project | None, model: str, split: str | None) -> list[str]:
    warnings = []
    if split == "train":
        warnings.append("the issue time lies in the train split, which the model has learnt from")
    rows = read_leaderboard(project.leaderboard_csv) if project and model == "best" else []
    first = next((row for row in rows if row["kind"] != "ensemble"), {})
    if (name := first.get("architecture")) in BASELINES:
        warnings.append(f"on the validation split, the {name} forecast is better than every model")
    return warnings


def _quantiles(forecaster: Forecaster, predicted: np.ndarray) -> Quantiles | None:
    if not forecaster.residuals:
        return None
    q10, q50, q90 = map(_shortest, forecaster.residuals.around(predicted)[0])
    return Quantiles(q10=q10, q50=q50, q90=q90)


def _shortest(value: Any) -> float:
    """The shortest number that is this float32, as in 3.42 instead of 3.4200000762939453."""
    return float(str(np.float32(value)))


def _figure(value: float | None, unit: str = "") -> str:
    """Two decimals, as stations report them, or four digits of a smaller number.

    >>> _figure(-3.4567, "degC"), _figure(0.0012345, ""), _figure(None, "degC")
    ('-3.46 degC', '0.001234', 'not known')
    """
    if value is None:
        return "not known"
    digits = ".4g" if 0 < abs(value) < 0.1 else ".2f"  # noqa: PLR2004  where two decimals say little
    return f"{value:{digits}} {unit}".rstrip()
