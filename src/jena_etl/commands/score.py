"""What `jena-etl score` does: the test of a trained model on an export that nobody has seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jena_etl.commands.wording import period_text, timestamp_text
from jena_etl.evaluation.intervals import (
    FEWEST_DAYS,
    LEVEL,
    Interval,
    Verdict,
    compare,
    daily_errors,
)
from jena_etl.evaluation.leaderboard import read_leaderboard, test_interval
from jena_etl.evaluation.metrics import scores
from jena_etl.evaluation.prediction_intervals import COVERAGE, residuals_of
from jena_etl.evaluation.predictions import NAIVE, with_observations
from jena_etl.forecasting.scoring import (
    KINDS,
    ColumnLikeness,
    LeftOut,
    left_out_text,
    likeness,
    scorable_windows,
)
from jena_etl.forecasting.series import exported_series
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.stage_output import Count, Part
from jena_etl.training.device import use_device
from jena_etl.training.metadata import ModelMetadata
from jena_etl.training.model_file import read_metadata

VERDICTS = {
    "better": "better than the naive forecast",
    "worse": "worse than the naive forecast",
    "tie": "not distinguishable from the naive forecast",
    "unknown": f"no interval, because there are fewer than {FEWEST_DAYS} days of forecasts",
}


class Error(Part):
    """A mean absolute error with its interval; `low` and `high` are None if there are too few days.

    Attributes:
        mae: the mean absolute error, in the target's unit.
        low: the lower end of the interval.
        high: the upper end.
    """

    mae: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """The three figures, as in 2.48 (2.33 to 2.64)."""
        if self.low is None or self.high is None:
            return f"{self.mae:.3f}"
        return f"{self.mae:.3f} ({self.low:.3f} to {self.high:.3f})"


class Score(Part):
    """How a model does on an export, as `--json` prints it; docs/evaluation.md lists the fields.

    Attributes:
        model: the architecture.
        source: the export.
        target: the column that is forecast.
        unit: its unit, that of the errors and the bias; "" if it is not known.
        first: when the first forecast is issued.
        last: when the last one is.
        windows: how many forecasts were scored.
        left_out: how many were not.
        forecast: the model's error.
        naive: the naive forecast's on the same windows.
        skill: 1 - MAE / the naive forecast's; None if that is perfect.
        bias: mean of forecast - observation.
        coverage: the share of the observations within the 80% prediction interval; None if it is
            not known how far off the model may be.
        against_naive: whether the two forecasts can be distinguished.
        test: the model's error on the project's test split; None if it is not on the leaderboard.
        columns: whether each column looks like the train rows.
        warnings: what is wrong with the export, or unlike the train rows.
    """

    model: str
    source: str
    target: str
    unit: str
    first: str
    last: str
    windows: Count
    left_out: LeftOut
    forecast: Error
    naive: Error
    skill: float | None
    bias: float
    coverage: float | None
    against_naive: Verdict
    test: Error | None
    columns: dict[str, ColumnLikeness]
    warnings: tuple[str, ...]


def score(project: Project, params: Params, file: Path, *, model: str) -> Score:
    """Forecast every window of a later export of the same station and score the forecasts.

    Whatever can be refused is refused before the model is loaded, which takes seconds. The model is
    named as in `Project.forecaster`.

    Raises:
        JenaEtlError: there is no such model, the export lacks a column that the model reads, is
            not what params.yaml says, or has no window that can be scored.
    """
    name = project.trained_model(model)
    metadata = read_metadata(project.trained_model_file(name))
    metadata.lead_time  # noqa: B018  refuses a model without one
    series = exported_series(file, params.convert, metadata)
    windows, left_out = scorable_windows(series, metadata)
    columns = likeness(series, metadata)

    use_device("cpu", deterministic=params.train.deterministic)  # leaves a GPU's memory free
    forecaster = project.forecaster(name)
    predicted = forecaster.forecast_windows(windows)
    forecasts = {
        who: with_observations(windows, series.climate.timestamps, values)
        for who, values in ((name, predicted), (NAIVE, windows.last_observations()))
    }
    compared = compare({who: daily_errors(one) for who, one in forecasts.items()}, best=NAIVE)
    model_forecast, naive = forecasts[name], forecasts[NAIVE]
    residuals = forecaster.residuals
    found = scores(model_forecast.observation, model_forecast.prediction, naive.prediction)
    naive_scores = scores(naive.observation, naive.prediction, naive.prediction)
    doubts = [f"{column}: its {d}" for column, like in columns.items() for d in like.doubts()]
    first, last = model_forecast.issued[0], model_forecast.issued[-1]
    return Score(
        model=name,
        source=series.name,
        target=metadata.target,
        unit=metadata.target_unit,
        first=str(first),
        last=str(last),
        windows=found.windows,
        left_out=left_out,
        forecast=_error(found.mae, compared[name].mae),
        naive=_error(naive_scores.mae, compared[NAIVE].mae),
        skill=found.skill,
        bias=found.bias,
        coverage=residuals.coverage(residuals_of(model_forecast)) if residuals else None,
        against_naive=compared[name].verdict,
        test=_on_test(project, name),
        columns=columns,
        warnings=(*series.warnings, *_seen_in_training(project, metadata, first), *doubts),
    )


def render_score(found: Score) -> str:
    """Format the score for a terminal."""
    period = period_text(found.first, found.last)
    skill = "" if found.skill is None else f"skill {found.skill:+.3f}, "
    lines = [
        f"{found.target}, {found.windows:,} forecasts issued {period}",
        f"  from {found.source}, by {found.model}",
        "",
        f"  MAE, with its {LEVEL:.0%} interval, {found.unit}",
        f"  {'here':<12}{found.forecast}",
        f"  {'naive, here':<12}{found.naive}",
    ]
    if found.test:
        lines.append(f"  {'test split':<12}{found.test}")
    lines += ["", f"  {skill}bias {found.bias:+.3f}; {VERDICTS[found.against_naive]}"]
    if found.coverage is not None:
        within = f"{found.coverage:.1%} of the observations"
        lines.append(f"  the {COVERAGE:.0%} prediction interval holds {within}")
    if text := left_out_text(found.left_out):
        lines.append(f"  {text}")
    lines += [
        "",
        "  The columns, in standard deviations of the train rows from their mean:",
        *_table(found.columns),
    ]
    return "\n".join(lines)


def _table(columns: dict[str, ColumnLikeness]) -> Iterator[str]:
    width = max(map(len, columns))
    heads = ("min", "mean", "max", "spread", *KINDS)
    yield f"  {'':<{width}}" + "".join(f"{head:>10}" for head in heads)
    for name, like in columns.items():
        figures = "".join(f"{value:>+10.2f}" for value in (like.min, like.mean, like.max))
        counts = "".join(f"{getattr(like, kind):>10,}" for kind in KINDS)
        yield f"  {name:<{width}}{figures}{like.spread:>10.2f}{counts}"


def _error(mae: float, interval: Interval | None) -> Error:
    low, high = interval or (None, None)
    return Error(mae=mae, low=low, high=high)


def _on_test(project: Project, name: str) -> Error | None:
    """The model's error on the project's test split, if it has been evaluated."""
    if not project.leaderboard_csv.is_file():
        return None
    rows = {row["architecture"]: row for row in read_leaderboard(project.leaderboard_csv)}
    if not (row := rows.get(name)):
        return None
    return _error(float(row["test_mae"]), test_interval(row))


def _seen_in_training(
    project: Project, metadata: ModelMetadata, first: np.datetime64
) -> Iterator[str]:
    """Warn if the model has learnt from some of what it is to forecast, which flatters it."""
    if not project.splits_json.is_file():
        return
    splits = project.splits
    if splits.climate_sha256 == metadata.climate_sha256:
        last = splits.splits.train.last
        if first <= np.datetime64(last):
            yield (
                f"the model has learnt from measurements up to {timestamp_text(last)}, and the "
                f"first forecast here is issued at {timestamp_text(first)}; an export that begins "
                "later is a test"
            )
