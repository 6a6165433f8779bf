"""The part of the report about how the error grows with the lead time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jena_etl.evaluation.lead_times import ABOUT, TITLE, LeadTimeScores, read_lead_times, table
from jena_etl.evaluation.predictions import BASELINES
from jena_etl.report.figure import COLOURS, GREY, Picture, draw, with_unit
from jena_etl.report.optional_sections import about_mae, names_shown
from jena_etl.report.page import Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = (":", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))  # one for each baseline


def lead_times_section(
    rows: list[dict[str, str]], seconds: float | None, unit: str
) -> list[Section]:
    """The scores by lead time, from the leaderboard's rows; nothing if there is one.

    `seconds` is the time from one sampled step to the next; None if that is not known.
    """
    scores = read_lead_times(rows)
    if not scores:
        return []
    heads, cells = table(scores, seconds)
    drawn = {name: scores[name] for name in (*names_shown(rows), *BASELINES)}
    return [
        Section(
            title=TITLE,
            paragraphs=[about_mae(unit), ABOUT],
            tables=[Table(TITLE, heads, cells, BASELINES)],
            pictures=[mae_by_lead_time(drawn, seconds, unit)],
        )
    ]


def mae_by_lead_time(
    scores: Mapping[str, LeadTimeScores], seconds: float | None, unit: str
) -> Picture:
    """Draw the MAE over the lead time, a line for each model and baseline, the best first."""

    def plot(figure: Figure) -> None:
        from matplotlib.ticker import MaxNLocator

        axes = figure.subplots()
        hours = (seconds or 3600) / 3600
        times = [at * hours for at in next(iter(scores.values())).mae]
        colours, lines = iter(COLOURS), iter(LINES)
        for name, found in scores.items():
            colour, line = (GREY, next(lines)) if name in BASELINES else (next(colours), "-")
            values = list(found.mae.values())
            axes.plot(times, values, color=colour, linestyle=line, marker=".", label=name)
        axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 3, 6, 10]))  # whole parts of a day
        axes.set_xlabel(f"lead time ({'steps' if seconds is None else 'hours'})")
        axes.set_ylabel(with_unit("MAE", unit))
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        figure.legend(loc="outside right upper", handlelength=3.5)

    return draw(
        plot,
        name="mae-by-lead-time",
        title=TITLE,
        caption="Mean absolute error on the test split of the models that are best on the "
        "validation split, and of the baselines. Lower is better. The last observation helps less "
        "the further ahead a forecast looks; the climatology does not use it, and the naive "
        "forecast does best where the target is at the same time of day.",
        height=2.8,
    )
