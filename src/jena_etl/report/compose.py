"""Decides what stands in the report: which words, tables and pictures, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from jena_etl.evaluation.history import History
from jena_etl.evaluation.intervals import LEVEL
from jena_etl.evaluation.lead_times import step_seconds
from jena_etl.evaluation.leaderboard import (
    ABOUT_PREDICTION_INTERVALS,
    VERDICTS,
    about_intervals,
    csv_text,
    interval_text,
    test_interval,
)
from jena_etl.evaluation.prediction_intervals import COVERAGE, ResidualQuantiles
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED, Predictions
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.outputs import Splits, StationList, Statistics
from jena_etl.report.figure import Picture
from jena_etl.report.forecast_pictures import against_observation, errors, middle_days
from jena_etl.report.lead_times import lead_times_section
from jena_etl.report.model_pictures import architectures, leaderboard, training_curves
from jena_etl.report.optional_sections import (
    about_mae,
    folds_section,
    names_shown,
    seeds_section,
    stations_section,
)
from jena_etl.report.page import Page, Section, Table
from jena_etl.training.metadata import Layer

ABOUT_ENSEMBLES = (
    "An ensemble is a weighted mean of models; reports/leaderboard.md has its weights, which were "
    "chosen on the validation split."
)
POLICIES = {
    "reference": "the inputs of a window lie in its split, but its target may lie in the next one, "
    "as in the reference",
    "strict": "the inputs and the target of a window lie in the same split",
    "lookback": "the target of a window lies in its split, and its inputs may reach back into the "
    "split before",
}


@dataclass(frozen=True)
class Models:
    """What is known about the trained models, by architecture.

    Attributes:
        leaderboard: the rows of the leaderboard, best first.
        histories: how each architecture trained.
        layers: the layers of each architecture.
        predictions: the forecasts of the test split: the naive ones, those of the models shown and
            those of the best architecture.
        residuals: the quantiles of the errors on the validation split.
    """

    leaderboard: list[dict[str, str]]
    histories: dict[str, History]
    layers: dict[str, tuple[Layer, ...]]
    predictions: dict[str, Predictions]
    residuals: dict[str, ResidualQuantiles]

    @property
    def shown(self) -> dict[str, Predictions]:
        """The forecasts of the best architectures and the naive forecast."""
        return {name: self.predictions[name] for name in (NAIVE, *names_shown(self.leaderboard))}

    @property
    def shown_at_first_station(self) -> dict[str, Predictions]:
        """The same for the project's first station alone, as a series in time order."""
        return {name: found.of_stations([0]) for name, found in self.shown.items()}


def compose_page(
    card: DataCard,
    statistics: Statistics,
    splits: Splits,
    models: Models,
    data_pictures: list[Picture],
    *,
    stations: StationList,
    station_pictures: list[Picture],
    credit: str | None,
    label: str | None,
    synthetic: bool,
    params: str,
) -> Page:
    """Put the report together; `params` is the text of params.yaml."""
    unit = card.columns[splits.target].unit
    pictures = {picture.name: picture for picture in data_pictures}
    faults = pictures.pop("events", None)
    window = pictures.pop("splits-and-window")
    return Page(
        title=f"{splits.target}: forecasts from {stations.named or card.source.name}",
        label=data_label(label, synthetic=synthetic),
        summary=_summary(card, splits, models.leaderboard, unit, stations),
        credit=credit_line(credit),
        sections=[
            _leaderboard_section(models.leaderboard, unit),
            *seeds_section(models.leaderboard, unit),
            *folds_section(models.leaderboard, unit),
            *lead_times_section(models.leaderboard, step_seconds(card, splits.window), unit),
            *stations_section(models.leaderboard, stations, unit, station_pictures),
            _forecasts_section(models, splits.target, unit),
            _models_section(models, unit),
            _data_section(card, statistics, list(pictures.values()), stations),
            _faults_section(card, faults),
            _splits_section(splits, window),
            Section(
                title="How to make this page again",
                paragraphs=[
                    "In a clone of the project, dvc repro computes everything on this page.",
                    "Or let dvc pull fetch what a colleague has computed.",
                    f"Drawn by jena-etl {version('jena-etl')}, Matplotlib {version('matplotlib')}.",
                ],
                listing=params,
            ),
        ],
    )


def credit_line(credit: str | None) -> str:
    """Who recorded the data, and its licence; or what to do so that it says so."""
    return credit or "Nobody is credited for the data: set report.credit in params.yaml."


def data_label(label: str | None, *, synthetic: bool) -> str:
    """What is written in large letters, so that no label hides that the data is synthetic."""
    return ", ".join(filter(None, ["SYNTHETIC DATA" if synthetic else None, label]))


def _summary(
    card: DataCard, splits: Splits, rows: list[dict[str, str]], unit: str, stations: StationList
) -> str:
    window = splits.window
    ahead = window.horizon * window.sampling_rate * (card.step_seconds or 0) / 3600
    models = [row for row in rows if row["architecture"] not in BASELINES]
    ensembles = sum(row["kind"] == "ensemble" for row in models)
    trained = f"{len(models) - ensembles} models"
    if ensembles:
        trained += f" and {ensembles} ensemble{'s' if ensembles > 1 else ''} of them"
    baseline = next(row for row in rows if row["architecture"] in BASELINES)
    naive = next(row for row in rows if row["architecture"] == NAIVE)
    better = [row for row in models if all(_mae(row, s) < _mae(naive, s) for s in SCORED)]
    best = models[0] if models else naive
    where = f"between {card.first[:10]} and {card.last[:10]}"
    if stations.names:
        where = f"at {stations.named}"
    return (
        f"Forecasts of {splits.target}, {ahead:g} hours ahead, from "
        f"{len(card.columns)} measured columns {where}. "
        f"Of {trained}, {len(better)} beat the naive forecast on both the validation "
        f"and the test split. The best on the validation split is {best['architecture']}, with a "
        f"mean absolute error on the test split of {_test_mae(best, unit)}; that of the naive "
        f"forecast is {_test_mae(naive, unit)}." + _about_baseline(baseline, best, unit)
    )


def _about_baseline(baseline: dict[str, str], best: dict[str, str], unit: str) -> str:
    name = baseline["architecture"]
    if name == NAIVE:
        return ""
    text = f" The best baseline is {name}, with {_test_mae(baseline, unit)}"
    if best["architecture"] not in BASELINES and int(baseline["rank"]) < int(best["rank"]):
        text += "; on the validation split it is better than every model"
    return f"{text}."


def _test_mae(row: Mapping[str, str], unit: str) -> str:
    return f"{_mae(row, 'test'):.2f} {unit}".rstrip()


def _mae(row: Mapping[str, str], split: str) -> float:
    return float(row[f"{split}_mae"])


def _leaderboard_section(rows: list[dict[str, str]], unit: str) -> Section:
    heads = (
        "architecture",
        "parameters",
        "best epoch",
        "MAE validation",
        "MAE test",
        f"{LEVEL:.0%} interval",
        "against the best",
        "skill test",
        "CRPS test",
        f"{COVERAGE:.0%} coverage",
    )
    intervals = {row["architecture"]: test_interval(row) for row in rows}
    ensembles = [row["architecture"] for row in rows if row["kind"] == "ensemble"]
    cells = [
        (
            row["architecture"] + (" (ensemble)" if row["kind"] == "ensemble" else ""),
            f"{int(row['parameters']):,}",
            row["best_epoch"] or "-",
            *(f"{_mae(row, split):.3f}" for split in SCORED),
            interval_text(intervals[row["architecture"]]) or "-",
            VERDICTS[row["against_best"]] or "-",
            f"{float(row['test_skill']):+.3f}" if row["test_skill"] else "-",
            f"{float(row['test_crps']):.3f}" if row["test_crps"] else "-",
            f"{float(row['test_coverage']):.1%}" if row["test_coverage"] else "-",
        )
        for row in rows
    ]
    scores = {row["architecture"]: {s: _mae(row, s) for s in SCORED} for row in rows}
    return Section(
        title="Leaderboard",
        paragraphs=[
            about_mae(unit),
            "Skill is 1 - MAE / the naive forecast's MAE on the same windows.",
            *([ABOUT_ENSEMBLES] if ensembles else []),
            about_intervals([int(row["test_block_days"] or 0) or None for row in rows]),
            ABOUT_PREDICTION_INTERVALS,
        ],
        tables=[Table("Leaderboard", heads, cells, BASELINES)],
        pictures=[leaderboard(scores, intervals, unit)],
    )


def _forecasts_section(models: Models, target: str, unit: str) -> Section:
    return Section(
        title="Forecasts of the test split",
        pictures=[
            against_observation(models.shown_at_first_station, models.residuals, target),
            errors(models.shown, unit),
        ],
    )


def _models_section(models: Models, unit: str) -> Section:
    naive = next(row for row in models.leaderboard if row["architecture"] == NAIVE)
    pictures = []
    if models.histories:
        pictures = [
            training_curves(models.histories, _mae(naive, "validation"), unit),
            architectures(models.layers),
        ]
    return Section(title="Models", pictures=pictures)


def _data_section(
    card: DataCard, statistics: Statistics, pictures: list[Picture], stations: StationList
) -> Section:
    about = (
        f"This section and the two below it are about {stations.first} alone; "
        "jena-etl inspect --station NAME shows another station."
    )
    files = [(f.name, f"{f.bytes:,}", f.sha256) for f in card.source.files]
    heads = ("column", "min", "mean", "max", "train mean", "train std")
    columns = []
    for name, column in card.columns.items():
        trained = statistics.columns[name]
        figures = (column.min, column.mean, column.max, trained.mean, trained.std)
        columns.append((name, *(f"{figure:,.2f}" for figure in figures)))
    step = f", {card.step_seconds / 60:g} minutes apart" if card.step_seconds else ""
    first, last = (timestamp.replace("T", " ") for timestamp in (card.first, card.last))
    return Section(
        title=f"The data of {stations.first}" if stations.further else "The data",
        paragraphs=[
            f"{card.rows:,} rows{step}, from {first} to {last}.",
            "Models read the columns normalised with the mean and std of the train rows"
            + (f" of {', '.join(statistics.pooled_over)}." if statistics.pooled_over else "."),
            *([about] if stations.further else []),
        ],
        tables=[
            Table("Files", ("file", "bytes", "SHA-256"), files),
            Table("Columns", heads, columns),
        ],
        pictures=pictures,
    )


def _faults_section(card: DataCard, events: Picture | None) -> Section:
    lines = str(card).splitlines()
    lines += [f"{warning.column}: {warning}" for warning in card.sensors]
    return Section(
        title="What is wrong with the data",
        paragraphs=[] if lines or events else ["No hole, repeat or doubtful value was found."],
        items=lines,
        pictures=[events] if events else [],
    )


def gaps_sentence(gaps: str) -> str:
    """What `window.gaps` does, in words."""
    what = "left out" if gaps == "drop" else "kept"
    return f"Windows across a hole or a repeated timestamp are {what}."


def _splits_section(splits: Splits, picture: Picture) -> Section:
    rows = [
        (name, f"{len(split.rows):,}", split.first[:10], split.last[:10], f"{split.windows:,}")
        for name, split in splits.splits.items()
    ]
    policy = f"Policy {splits.policy}: {POLICIES[splits.policy]}."
    return Section(
        title="Splits and windows",
        paragraphs=[f"{policy} {gaps_sentence(splits.gaps)}"],
        tables=[Table("Splits", ("split", "rows", "first day", "last day", "windows"), rows)],
        pictures=[picture],
    )


def validation_curves_csv(histories: Mapping[str, History]) -> str:
    """The validation MAE of every model after every epoch, for `dvc plots`."""
    rows = [
        (step, name, mae)
        for name, history in histories.items()
        for step, mae in enumerate(history.val_mae, start=1)
    ]
    return csv_text([("step", "architecture", "val_mae"), *rows])


def forecasts_csv(models: Models) -> str:
    """Observation, naive forecast and best forecast of a fortnight, for `dvc plots`."""
    naive, *others = models.shown_at_first_station.values()
    best = others[0] if others else naive
    shown = middle_days(naive)
    columns = (naive.observation, naive.prediction, best.prediction)
    rows = zip(
        map(str, naive.timestamp[shown]),
        *(column[shown].tolist() for column in columns),
        strict=True,
    )
    return csv_text([("timestamp", "observation", "naive", "best_model"), *rows])
