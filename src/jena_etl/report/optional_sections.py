"""The parts of the report about architectures trained more than once, or at several stations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jena_etl.evaluation.leaderboard import read_spread
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED
from jena_etl.evaluation.rolling_origin import ABOUT, TITLE, read_fold_scores, table
from jena_etl.evaluation.spread import ABOUT_SEEDS, seeds_title, spread_text
from jena_etl.evaluation.stations import ABOUT as ABOUT_STATIONS
from jena_etl.evaluation.stations import TITLE as STATIONS
from jena_etl.evaluation.stations import UNSEEN, read_station_scores
from jena_etl.prepare.outputs import StationList
from jena_etl.report.figure import Picture, with_unit
from jena_etl.report.page import Section, Table

MODELS_SHOWN = 3  # in pictures where more lines could not be told apart: the best ones


def about_mae(unit: str) -> str:
    """What MAE stands for, and its unit, if there is one."""
    return f"MAE is the mean absolute error{f', in {unit}' if unit else ''}."


def names_shown(leaderboard: Iterable[Mapping[str, str]]) -> list[str]:
    """The names of the models and ensembles whose forecasts are drawn, the best ones first."""
    ranked = [row["architecture"] for row in leaderboard]
    return [name for name in ranked if name not in BASELINES][:MODELS_SHOWN]


def seeds_section(rows: list[dict[str, str]], unit: str) -> list[Section]:
    """The spread over the seeds, from the leaderboard's rows; nothing if there is one seed."""
    trained = [row for row in rows if row.get("seeds")]
    if not trained:
        return []
    cells = []
    for row in trained:
        spreads = [read_spread(row, split) for split in SCORED]
        cells.append((row["architecture"], *map(spread_text, filter(None, spreads))))
    heads = ("architecture", *(with_unit(f"MAE {split}", unit) for split in SCORED))
    return [
        Section(
            title=seeds_title(int(trained[0]["seeds"])),
            paragraphs=[ABOUT_SEEDS],
            tables=[Table("Several seeds", heads, cells)],
        )
    ]


def folds_section(rows: list[dict[str, str]], unit: str) -> list[Section]:
    """The scores in the folds of the rolling origin; nothing if there are none."""
    scores = read_fold_scores(rows)
    if not scores:
        return []
    heads, cells = table(scores)
    heads = [with_unit(head, unit) if head.startswith("MAE") else head for head in heads]
    return [
        Section(title=TITLE, paragraphs=[ABOUT], tables=[Table(TITLE, heads, cells, BASELINES)])
    ]


def stations_section(
    rows: list[dict[str, str]], stations: StationList, unit: str, pictures: list[Picture]
) -> list[Section]:
    """The scores by station, and which are left out; nothing if there is one station."""
    scores = read_station_scores(rows)
    left_out = [f"{text}." for text in stations.left_out_texts]
    if not scores:
        return [Section(title=STATIONS, paragraphs=left_out)] if left_out else []
    shown = [*names_shown(rows), NAIVE]
    cells = []
    for station in stations.names:
        name = f"{station} (unseen)" if station in stations.unseen else station
        cells.append((name, *(f"{scores[one].mae[station]:.3f}" for one in shown)))
    heads = ("station", *(with_unit(one, unit) for one in shown))
    about = [ABOUT_STATIONS, *([UNSEEN] if stations.unseen else []), *left_out]
    tables = [Table(STATIONS, heads, cells)]
    return [Section(title=STATIONS, paragraphs=about, tables=tables, pictures=pictures)]
