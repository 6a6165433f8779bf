"""Writes the model card: what the best model does, what it was made from, and where it fails.

Its headings are those of Hugging Face's template, after Mitchell et al., Model Cards for Model
Reporting (https://doi.org/10.1145/3287560.3287596).
"""

from __future__ import annotations

import calendar
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

from jena_etl.evaluation.breakdown import FEWEST, mae_by_hour, mae_by_month
from jena_etl.evaluation.intervals import LEVEL
from jena_etl.evaluation.leaderboard import interval_text, test_interval
from jena_etl.evaluation.prediction_intervals import COVERAGE
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED, Predictions
from jena_etl.evaluation.stations import read_station_scores
from jena_etl.params import Params
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.outputs import Splits
from jena_etl.report.compose import POLICIES, Models, credit_line, data_label, gaps_sentence
from jena_etl.report.page import render_template
from jena_etl.text import markdown
from jena_etl.training.metadata import ModelMetadata

MONTHS = calendar.month_name[1:]
HOURS = tuple(f"{hour:02}:00 to {hour:02}:59" for hour in range(24))
HOUR = 60  # minutes
NAMED = 6  # the months or hours that a sentence names; it counts more of them
ORDERS = {"forward": "the oldest first", "reversed": "the latest first"}


@dataclass(frozen=True)
class ModelFile:
    """The file of the best model: what it says about the model, and its size and digest."""

    metadata: ModelMetadata
    bytes: int
    sha256: str


@dataclass(frozen=True)
class StationData:
    """A station whose data the card describes.

    Attributes:
        name: its name; "" if it is the project's only one.
        data: its data card.
        splits: its splits.
        is_unseen: whether no model learns from it.
    """

    name: str
    data: DataCard
    splits: Splits
    is_unseen: bool

    def labelled(self, text: str) -> str:
        """A text that is about this station, with the name of the station if there are several."""
        return f"{self.name}: {text}" if self.name else text


def render_model_card(
    file: ModelFile,
    card: DataCard,
    splits: Splits,
    models: Models,
    params: Params,
    *,
    stations: Sequence[StationData] = (),
    left_out: Sequence[str] = (),
) -> str:
    """Write the card of the best model as Markdown, in which every value is escaped.

    `stations` are all of them, the first one, too, or none if the project has one; `left_out` holds
    a sentence for each station that is left out.
    """
    model = file.metadata
    values = {"file": file, "model": model, "card": card, "left_out": left_out}
    values |= _values(model, card, splits, models, params)
    single = StationData("", card, splits, is_unseen=False)
    values |= _about_data(stations or [single], params)
    values |= _about_stations(model.architecture, stations, models, params)
    return render_template("model_card.md.jinja", values, finalize=_escape)


def _escape(value: object) -> str:
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    return Markup(markdown(" ".join(str(value).split())))  # noqa: S704  escaped for Markdown


def _values(
    model: ModelMetadata, card: DataCard, splits: Splits, models: Models, params: Params
) -> dict[str, Any]:
    """The words and figures of the card that are not in the model file."""
    name, window, step = model.architecture, splits.window, card.step_seconds
    rows = {row["architecture"]: row for row in models.leaderboard}
    baselines = [other for other in rows if other in BASELINES]
    ensembles = [other for other, row in rows.items() if row["kind"] == "ensemble"]
    ranks = {other: int(row["rank"]) for other, row in rows.items()}
    mae = {other: float(row["validation_mae"]) for other, row in rows.items()}
    history = models.histories[name]
    errors = _errors(models.predictions[name], models.predictions[NAIVE])
    return {
        "credit": credit_line(params.report.credit),
        "version": version("jena-etl"),
        "ahead": _duration(step, window.sampling_rate * window.horizon),
        "step": _duration(step, window.sampling_rate),
        "row_step": _duration(step, 1),
        "order": ORDERS[model.order],
        "rivals": [other for other in rows if other not in (*BASELINES, *ensembles)],
        "better_ensembles": [other for other in ensembles if ranks[other] < ranks[name]],
        "unbeaten": [other for other in baselines if mae[other] <= mae[name]],
        "seeds": rows[name].get("seeds"),
        "columns": _columns(model),
        "failures": [s for what in errors for s in _failures(what, errors[what], model)],
        "policy": f"{splits.policy}: {POLICIES[splits.policy]}",
        "gaps": gaps_sentence(splits.gaps),
        "best_epoch": history.best_epoch,
        "epochs": len(history.mae),
        "settings": list(_settings(params, name)),
        "scores": [_scores(split, rows[row]) for split in SCORED for row in (name, *baselines)],
        "fewest": FEWEST,
        "level": f"{LEVEL:.0%}",
        "residuals": models.residuals.get(name),
        "coverage": f"{float(rows[name]['test_coverage'] or 0):.1%}",
        "coverage_level": f"{COVERAGE:.0%}",
        "breakdown": {
            what: [(e.name, f"{e.model:.3f}", f"{e.naive:.3f}") for e in classes]
            for what, classes in errors.items()
            if classes
        },
        "layers": _layers(model),
        "readable": _readable,
    }


def _about_data(stations: Sequence[StationData], params: Params) -> dict[str, Any]:
    """The data of all stations, or of the only one."""
    synthetic = any(one.data.source.synthetic for one in stations)
    train_last = max(one.splits.splits.train.last for one in stations if not one.is_unseen)
    return {
        "synthetic": synthetic,
        "label": data_label(params.report.label, synthetic=synthetic),
        "train_last": _readable(train_last),
        "faults": [one.labelled(line) for one in stations for line in str(one.data).splitlines()],
        "files": [
            (f.name + (" (synthetic)" if f.synthetic else ""), f"{f.bytes:,}", f.sha256)
            for one in stations
            for f in one.data.source.files
        ],
        "splits": [
            (
                one.labelled(name),
                f"{len(split.rows):,}",
                _readable(split.first),
                _readable(split.last),
                f"{split.windows:,}",
            )
            for one in stations
            for name, split in one.splits.splits.items()
        ],
    }


def _about_stations(
    name: str, stations: Sequence[StationData], models: Models, params: Params
) -> dict[str, Any]:
    """What the card says if there are several stations."""
    scores = read_station_scores(models.leaderboard)
    return {
        "stations": stations,
        "learnt": [station.name for station in stations if not station.is_unseen],
        "unseen": [station.name for station in stations if station.is_unseen],
        "pooled": params.stations.statistics == "pooled",
        "station_scores": [
            (
                one.name + (" (unseen)" if one.is_unseen else ""),
                *(f"{scores[which].mae[one.name]:.3f}" for which in (name, NAIVE)),
            )
            for one in stations
        ],
    }


class _Error(NamedTuple):
    """The MAE on the test split in one month or hour, of the model and the naive forecast."""

    name: str
    model: float
    naive: float


def _errors(model: Predictions, naive: Predictions) -> dict[str, list[_Error]]:
    """The errors by month and by hour, without those that hold too few forecasts."""
    by = {"month": (MONTHS, mae_by_month), "hour of the day": (HOURS, mae_by_hour)}
    return {
        what: [
            _Error(*values)
            for values in zip(names, mean(model).tolist(), mean(naive).tolist(), strict=True)
            if not math.isnan(values[1])
        ]
        for what, (names, mean) in by.items()
    }


def _failures(what: str, errors: list[_Error], model: ModelMetadata) -> Iterator[str]:
    """Say in which month or hour the forecasts are worst and best, and where naive is better."""
    if len(errors) > 1:
        worst, best = (choose(errors, key=lambda error: error.model) for choose in (max, min))
        yield (
            f"By the target's {what}, it does worst in {worst.name}, with an MAE of "
            f"{worst.model:.2f} {model.target_unit} on the test split (naive {worst.naive:.2f}), "
            f"and best in {best.name}, with {best.model:.2f} (naive {best.naive:.2f})."
        )
    if beaten := [error.name for error in errors if error.model >= error.naive]:
        few = len(beaten) <= NAMED
        where = ", ".join(beaten) if few else f"{len(beaten)} of {len(errors)}"
        yield f"By the target's {what}, naive is at least as good in {where}."


def _columns(model: ModelMetadata) -> list[tuple[str, ...]]:
    return [
        (column, unit, f"{mean:,.6g}", f"{std:,.6g}")
        for column, unit, mean, std in zip(
            model.columns, model.units, model.mean, model.std, strict=True
        )
    ]


def _duration(step_seconds: int | None, rows: int) -> str:
    """The time that rows span, in words.

    >>> _duration(600, 144), _duration(600, 6), _duration(600, 1), _duration(None, 6)
    ('24 hours', '1 hour', '10 minutes', '6 rows')
    """
    if step_seconds is None:
        return f"{rows} rows"
    minutes = step_seconds * rows / 60
    size, unit = (minutes / 60, "hour") if minutes >= HOUR else (minutes, "minute")
    return f"{size:g} {unit}{'' if size == 1 else 's'}"


def _readable(timestamp: str) -> str:
    return timestamp.replace("T", " ")


def _settings(params: Params, name: str) -> Iterator[tuple[str, str]]:
    """The params that shape the model, by their path in params.yaml."""
    blocks: dict[str, Any] = {
        "split": params.split.model_dump(),
        "window": params.window.model_dump(),
        "train": params.train.model_dump(),
        f"models.{name}": params.models[name],
    }
    yield "seed", str(params.seed)
    for feature in params.features:
        yield f"features.{feature.kind}", json.dumps(feature.model_dump(exclude={"kind"}))
    for block, values in blocks.items():
        for key, value in values.items():
            shown = value if isinstance(value, str) else json.dumps(value)
            yield f"{block}.{key}", shown


def _scores(split: str, row: dict[str, str]) -> tuple[str, ...]:
    mae, rmse, bias = (float(row[f"{split}_{score}"]) for score in ("mae", "rmse", "bias"))
    skill = row[f"{split}_skill"]
    interval = test_interval(row) if split == "test" else None
    return (
        split,
        row["architecture"],
        f"{mae:.3f}",
        interval_text(interval) or "-",
        f"{rmse:.3f}",
        f"{bias:+.3f}",
        f"{float(skill):+.3f}" if skill else "-",
    )


def _layers(model: ModelMetadata) -> list[tuple[str, ...]]:
    return [
        (
            layer.name,
            layer.class_name,
            " x ".join(str(size or "any") for size in layer.output_shape[1:]),
            f"{layer.parameters:,}",
            ", ".join(layer.inputs),
        )
        for layer in model.layers
    ]
