"""Draws the scores of a git revision beside those of the workspace.

`dvc plots diff` writes a page of scripts for a browser. A pull request shows pictures, so these are
SVG files. Both sides are read from reports/, which git holds: nothing has to be pulled.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.commands.plots import write_pictures
from jena_etl.commands.programs import git
from jena_etl.errors import ProjectError
from jena_etl.files import not_built
from jena_etl.project import Project
from jena_etl.report.figure import BLUE, COLOURS, GREY, Picture, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Validation MAE by architecture: of a leaderboard one value, of curves one for each epoch.
Values = Mapping[str, Sequence[float]]
STYLES = ("-", "--", ":")  # for a second and a third round of the colours


def write_difference(project: Project, revision: str, folder: Path) -> list[Path]:
    """Draw the leaderboards and the validation curves of `revision` and of the workspace.

    A side that has not been built is left empty. The pictures are written in `folder`, and their
    paths are returned.

    Raises:
        ProjectError: git does not know the revision, neither side has been built, a report is
            damaged, or the folder cannot be written to.
    """
    if git(project.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise ProjectError(
            f"git has no revision {revision!r} here; fetch it (in CI: fetch-depth: 0), or name "
            "another one, such as HEAD or main"
        )
    board, curves = project.leaderboard_csv, project.validation_curves_csv
    sides = (revision, None)
    scores = [
        _values(project, side, board, "validation_mae", built_by="evaluate") for side in sides
    ]
    if not any(scores):
        raise not_built(board, "evaluate")
    histories = [_values(project, side, curves, "val_mae", built_by="report") for side in sides]
    label = revision[:9] if re.fullmatch("[0-9a-f]{40}", revision) else revision
    pictures = [draw_leaderboards(label, *scores), draw_curves(label, *histories)]
    return write_pictures(pictures, folder)


def draw_leaderboards(revision: str, before: Values, after: Values) -> Picture:
    """Draw two bars per architecture, in the order of the workspace's leaderboard."""
    names = list({**after, **before})

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        sides = (revision, before, GREY, -0.2), ("workspace", after, BLUE, 0.2)
        for label, scores, colour, offset in sides:
            places = [place for place, name in enumerate(names) if name in scores]
            values = [scores[names[place]][-1] for place in places]
            bars = axes.barh(np.add(places, offset), values, 0.36, color=colour, label=label)
            axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=7)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("validation MAE")
        figure.legend(loc="outside upper left", ncols=2)

    changed = [name for name in names if before.get(name) != after.get(name)]
    return draw(
        plot,
        name="leaderboard",
        title=f"Validation MAE: {revision} and the workspace",
        caption=f"Shorter is better. Different: {', '.join(changed) or 'none'}.",
        height=0.9 + 0.42 * len(names),
    )


def draw_curves(revision: str, before: Values, after: Values) -> Picture:
    """Draw the validation MAE after each epoch, both sides on one scale."""
    names = list({**before, **after})

    def plot(figure: Figure) -> None:
        panels = figure.subplots(1, 2, sharey=True, sharex=True)
        for axes, label, curves in zip(
            panels, (revision, "workspace"), (before, after), strict=True
        ):
            axes.set(title=label, xlabel="epoch")
            for place, name in enumerate(names):
                rounds, colour = divmod(place, len(COLOURS))
                values = curves.get(name, ())
                axes.plot(
                    range(1, len(values) + 1), values, marker=".", label=name,
                    color=COLOURS[colour], linestyle=STYLES[rounds % len(STYLES)],
                )  # fmt: skip
            axes.xaxis.get_major_locator().set_params(integer=True)
        panels[0].set_ylabel("validation MAE")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)

    return draw(
        plot,
        name="validation-curves",
        title=f"Validation MAE after each epoch: {revision} and the workspace",
        caption="Both sides have the same scale.",
        height=2.8 + 0.2 * (len(names) // 4),
    )


def _values(
    project: Project, revision: str | None, path: Path, column: str, *, built_by: str
) -> Values:
    """A column of a report, of the workspace if `revision` is None; empty if it was not built."""
    if revision:
        name = path.relative_to(project.root).as_posix()
        text = git(project.root, "show", f"{revision}:./{name}")
    else:
        text = path.read_text(encoding="utf-8") if path.is_file() else None
    values: dict[str, list[float]] = {}
    try:
        for row in csv.DictReader((text or "").splitlines()):
            values.setdefault(row["architecture"], []).append(float(row[column]))
    except (KeyError, TypeError, ValueError):
        raise ProjectError(
            f"{path.name} is damaged; build it again: dvc repro -f {built_by}"
        ) from None
    return values
