"""The parts of the report about architectures trained more than once, or at several stations."""

from __future__ import annotations

from jena_etl.evaluation.leaderboard import read_spread
from jena_etl.evaluation.predictions import BASELINES, NAIVE, SCORED
from jena_etl.evaluation.rolling_origin import ABOUT, TITLE, read_fold_scores, table
from jena_etl.evaluation.spread import ABOUT_SEEDS, seeds_title, spread_text
from jena_etl.evaluation.stations import ABOUT as ABOUT_STATIONS
from jena_etl.evaluation.stations import TITLE as STATIONS
from jena_etl.evaluation.stations import UNSEEN, read_station_scores
from jena_etl.prepare.outputs import StationList
from jena_etl.report.figure import Picture
from jena_etl.report.page import Section, Table


def seeds_section(rows: list[dict[str, str]], unit: str) -> list[Section]:
    """The spread over the seeds; nothing if there is one seed.

    Args:
        rows: of the leaderboard, best first.
        unit: the target's.
    """
    trained = [row for row in rows if row.get("seeds")]
    if not trained:
        return []
    cells = []
    for row in trained:
        spreads = [read_spread(row, split) for split in SCORED]
        cells.append((row["architecture"], *map(spread_text, filter(None, spreads))))
    heads = ("architecture", *(f"MAE {split} ({unit})" for split in SCORED))
    return [
        Section(
            title=seeds_title(int(trained[0]["seeds"])),
            paragraphs=[ABOUT_SEEDS],
            tables=[Table("Several seeds", heads, cells)],
        )
    ]


def folds_section(rows: list[dict[str, str]], unit: str) -> list[Section]:
    """The scores in the folds of the rolling origin; nothing if there are none.

    Args:
        rows: of the leaderboard, best first.
        unit: the target's.
    """
    scores = read_fold_scores(rows)
    if not scores:
        return []
    heads, cells = table(scores)
    heads = [f"{head} ({unit})" if head.startswith("MAE") else head for head in heads]
    return [
        Section(title=TITLE, paragraphs=[ABOUT], tables=[Table(TITLE, heads, cells, BASELINES)])
    ]


def stations_section(
    rows: list[dict[str, str]],
    stations: StationList,
    unit: str,
    pictures: list[Picture],
    *,
    most: int = 3,
) -> list[Section]:
    """The scores by station, and which are left out; nothing if there is one station.

    Args:
        rows: of the leaderboard, best first.
        stations: the stations.
        unit: the target's.
        pictures: of the stations' data.
        most: how many models are shown beside the naive forecast, the best ones.
    """
    scores = read_station_scores(rows)
    left_out = [f"{text}." for text in stations.left_out_texts]
    if not scores:
        return [Section(title=STATIONS, paragraphs=left_out)] if left_out else []
    best = [name for name in scores if name not in BASELINES][:most]
    cells = []
    for station in stations.names:
        name = f"{station} (unseen)" if station in stations.unseen else station
        cells.append((name, *(f"{scores[one].mae[station]:.3f}" for one in (*best, NAIVE))))
    heads = ("station", *(f"{one} ({unit})" for one in (*best, NAIVE)))
    about = [ABOUT_STATIONS, *([UNSEEN] if stations.unseen else []), *left_out]
    tables = [Table(STATIONS, heads, cells)]
    return [Section(title=STATIONS, paragraphs=about, tables=tables, pictures=pictures)]
