"""The scores of a forecast at each station of a project that has several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jena_etl.evaluation.metrics import read_mae, skill_of
from jena_etl.evaluation.predictions import NAIVE, Predictions
from jena_etl.prepare.outputs import StationList
from jena_etl.text import markdown, markdown_table

# The columns of the leaderboard, which are only there if there are several stations, begin with it.
PREFIX = "station_"
TITLE = "MAE by station"
ABOUT = (
    "MAE on the test split of each station; skill is 1 - MAE / the naive forecast's at that "
    "station. The ranking counts all windows of the stations that models learn from together."
)
UNSEEN = "No model has learnt from the stations marked as unseen, and nothing is ranked by them."


@dataclass(frozen=True)
class StationScores:
    """The mean absolute errors of a forecast at the stations, in the target's unit.

    Attributes:
        mae: on the test split of each station, by its name.
        naive_mae: the naive forecast's on the same windows.
    """

    mae: dict[str, float]
    naive_mae: dict[str, float]

    @property
    def skill(self) -> dict[str, float | None]:
        """1 - MAE / the naive forecast's; None where the naive forecast is perfect."""
        return {name: skill_of(mae, self.naive_mae[name]) for name, mae in self.mae.items()}

    def figures(self) -> dict[str, float | None]:
        """All columns of the leaderboard."""
        mae = {f"{PREFIX}mae_{name}": mae for name, mae in self.mae.items()}
        return mae | {f"{PREFIX}skill_{name}": skill for name, skill in self.skill.items()}


def mae_by_station(test: Predictions, stations: StationList) -> dict[str, float]:
    """The mean absolute error of a forecast at every station; nothing if there is one."""
    return {
        name: float(np.abs(test.of_stations([number]).errors()).mean())
        for number, name in enumerate(stations.names)
    }


def read_station_scores(rows: Sequence[Mapping[str, str]]) -> dict[str, StationScores]:
    """The scores by station from the rows of the leaderboard, by name; none with one station."""
    by_name = read_mae(rows, f"{PREFIX}mae_(.+)")
    return {name: StationScores(mae, by_name[NAIVE]) for name, mae in by_name.items()}


def table(
    found: Mapping[str, StationScores], stations: StationList
) -> tuple[list[str], list[list[str]]]:
    """The heads and cells of a table with a row for each forecast and a column for each station."""
    names = [f"{one} (unseen)" if one in stations.unseen else one for one in stations.names]
    cells = [
        [
            name,
            *(
                f"{mae:.3f}" + ("" if skill is None else f" ({skill:+.3f})")
                for mae, skill in zip(scored.mae.values(), scored.skill.values(), strict=True)
            ),
        ]
        for name, scored in found.items()
    ]
    return ["architecture", *names], cells


def as_markdown(found: Mapping[str, StationScores], stations: StationList) -> list[str]:
    """The lines of a section of the leaderboard; none with one station, if none is left out."""
    left_out = [line for text in stations.left_out_texts for line in ("", f"{markdown(text)}.")]
    if not found:
        return left_out
    lines = markdown_table(*table(found, stations))
    about = ABOUT + (f" {UNSEEN}" if stations.unseen else "")
    return ["", f"## {TITLE}", "", *lines, "", about, *left_out]
