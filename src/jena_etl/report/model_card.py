"""Writes the model card: what the best model does, what it was made from, and where it fails.

Its headings are those of Hugging Face's template, after Mitchell et al., Model Cards for Model
Reporting (https://doi.org/10.1145/3287560.3287596).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

from jena_etl.evaluation.breakdown import FEWEST, mae_by_hour, mae_by_month
from jena_etl.evaluation.intervals import LEVEL
from jena_etl.evaluation.prediction_intervals import COVERAGE
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED, Predictions
from jena_etl.evaluation.stations import read_station_scores
from jena_etl.params import Params
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.outputs import Splits
from jena_etl.report.compose import POLICIES, Models, credit_line, data_label, gaps_sentence
from jena_etl.text import markdown
from jena_etl.training.metadata import ModelMetadata

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
HOURS = tuple(f"{hour:02}:00 to {hour:02}:59" for hour in range(24))
HOUR = 60  # minutes
NAMED = 6  # the months or hours that a sentence names; it counts more of them
ORDERS = {"forward": "the oldest first", "reversed": "the latest first"}


@dataclass(frozen=True)
class ModelFile:
    """The file of the best model.

    Attributes:
        metadata: what it says about the model.
        bytes: its size.
        sha256: its digest.
    """

    metadata: ModelMetadata
    bytes: int
    sha256: str


@dataclass(frozen=True)
class StationData:
    """What the card says of one of several stations.

    Attributes:
        name: its name.
        data: its data card.
        splits: its splits.
        is_unseen: whether no model learns from it.
    """

    name: str
    data: DataCard
    splits: Splits
    is_unseen: bool


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
    """Write the card as Markdown, in which every value is escaped.

    Args:
        file: the best model.
        card: the data card.
        splits: the splits.
        models: what is known about all trained models, and the naive forecast.
        params: the params that it was trained with.
        stations: all stations, the first one, too; none if the project has one.
        left_out: a sentence for each station that is left out.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("jena_etl.report", "."),
        autoescape=True,  # a macro's result is then Markup, which is not escaped a second time
        finalize=_escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template("model_card.md.jinja")
    values = _values(file.metadata, card, splits, models, params)
    values |= _about_stations(file.metadata.architecture, stations, models, params)
    return template.render(file=file, model=file.metadata, left_out=left_out, **values)


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
    history = models.histories[name]
    errors = _errors(models.predictions[name], models.predictions[NAIVE])
    return {
        "label": data_label(params.report.label, synthetic=card.source.synthetic),
        "credit": credit_line(params.report.credit),
        "version": version("jena-etl"),
        "ahead": _duration(step, window.sampling_rate * window.horizon),
        "step": _duration(step, window.sampling_rate),
        "row_step": _duration(step, 1),
        "order": ORDERS[model.order],
        "rivals": [other for other in rows if other not in (*BASELINES, *ensembles)],
        "better_ensembles": [other for other in ensembles if ranks[other] < ranks[name]],
        "unbeaten": [b for b in baselines if _mae(rows[b]) <= _mae(rows[name])],
        "seeds": rows[name].get("seeds"),
        "columns": _columns(model),
        "source": card.source.name,
        "synthetic": card.source.synthetic,
        "rows": card.rows,
        "first": _readable(card.first),
        "last": _readable(card.last),
        "train_last": _readable(splits.splits.train.last),
        "faults": str(card).splitlines(),
        "failures": [s for what in errors for s in _failures(what, errors[what], model)],
        "files": _files(card),
        "splits": _splits(splits),
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
    }


def _about_stations(
    name: str, stations: Sequence[StationData], models: Models, params: Params
) -> dict[str, Any]:
    """What the card says otherwise if there are several stations."""
    learnt = [station for station in stations if not station.is_unseen]
    scores = read_station_scores(models.leaderboard)
    about: dict[str, Any] = {
        "stations": stations,
        "learnt": [station.name for station in learnt],
        "unseen": [station.name for station in stations if station.is_unseen],
        "pooled": params.stations.statistics == "pooled",
        "station_scores": [
            (
                one.name + (" (unseen)" if one.is_unseen else ""),
                *(f"{scores[which].mae[one.name]:.3f}" for which in (name, NAIVE)),
            )
            for one in stations
        ],
        "readable": _readable,
    }
    if stations:
        synthetic = any(station.data.source.synthetic for station in stations)
        about |= {
            "synthetic": synthetic,
            "label": data_label(params.report.label, synthetic=synthetic),
            "train_last": _readable(max(one.splits.splits.train.last for one in learnt)),
            "faults": [
                f"{one.name}: {line}" for one in stations for line in str(one.data).splitlines()
            ],
            "files": [row for station in stations for row in _files(station.data)],
            "splits": [
                (f"{one.name}: {row[0]}", *row[1:])
                for one in stations
                for row in _splits(one.splits)
            ],
        }
    return about


def _files(card: DataCard) -> list[tuple[str, ...]]:
    return [
        (f.name + (" (synthetic)" if f.synthetic else ""), f"{f.bytes:,}", f.sha256)
        for f in card.source.files
    ]


def _mae(row: dict[str, str]) -> float:
    return float(row["validation_mae"])


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
    skill, low, high = (row.get(f"{split}_{what}") for what in ("skill", "mae_low", "mae_high"))
    return (
        split,
        row["architecture"],
        f"{mae:.3f}",
        f"{float(low):.3f} to {float(high):.3f}" if low and high else "-",
        f"{rmse:.3f}",
        f"{bias:+.3f}",
        f"{float(skill):+.3f}" if skill else "-",
    )


def _splits(splits: Splits) -> list[tuple[str, ...]]:
    return [
        (
            name,
            f"{len(split.rows):,}",
            _readable(split.first),
            _readable(split.last),
            f"{split.windows:,}",
        )
        for name, split in splits.splits.items()
    ]


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
