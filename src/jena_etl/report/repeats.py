"""The part of the report about architectures that were trained more than once."""

from __future__ import annotations

from jena_etl.evaluation.leaderboard import read_spread
from jena_etl.evaluation.predictions import BASELINES, SCORED
from jena_etl.evaluation.rolling_origin import ABOUT, TITLE, read_fold_scores, table
from jena_etl.evaluation.spread import ABOUT_SEEDS, seeds_title, spread_text
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
