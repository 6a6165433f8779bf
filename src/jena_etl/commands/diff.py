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

from jena_etl.commands.programs import git
from jena_etl.errors import ProjectError
from jena_etl.files import not_built, write_text
from jena_etl.project import Project
from jena_etl.report.figure import BLUE, COLOURS, GREY, Picture, draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scores = Mapping[str, float]  # validation MAE by architecture
Curves = Mapping[str, Sequence[float]]  # the same after each epoch
STYLES = ("-", "--", ":")  # for a second and a third round of the colours


def write_difference(project: Project, revision: str, folder: Path) -> list[Path]:
    """Draw the leaderboards and the validation curves of `revision` and of the workspace.

    A side that has not been built is left empty.

    Args:
        project: the project whose reports are compared.
        revision: a commit, branch or tag of its git repository.
        folder: where leaderboard.svg and validation-curves.svg are written.

    Returns:
        The paths of the pictures.

    Raises:
        ProjectError: git does not know the revision, neither side has been built, a report is
            damaged, or the folder cannot be written to.
    """
    if git(project.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise ProjectError(
            f"git has no revision {revision!r} here; fetch it (in CI: fetch-depth: 0), or name "
            "another one, such as HEAD or main"
        )
    scores, curves = (
        [_rows(project, revision, path), _rows(project, None, path)]
        for path in (project.leaderboard_csv, project.validation_curves_csv)
    )
    if not any(scores):
        raise not_built(project.leaderboard_csv, "evaluate")
    label = revision[:9] if re.fullmatch("[0-9a-f]{40}", revision) else revision
    pictures = [
        draw_leaderboards(label, *map(_scores, scores)),
        draw_curves(label, *map(_curves, curves)),
    ]
    paths = [folder / f"{picture.name}.svg" for picture in pictures]
    for path, picture in zip(paths, pictures, strict=True):
        write_text(path, picture.svg)
    return paths


def draw_leaderboards(revision: str, before: Scores, after: Scores) -> Picture:
    """Draw two bars per architecture, in the order of the workspace's leaderboard."""
    names = list({**after, **before})

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        sides = (revision, before, GREY, -0.2), ("workspace", after, BLUE, 0.2)
        for label, scores, colour, offset in sides:
            places = [place for place, name in enumerate(names) if name in scores]
            values = [scores[names[place]] for place in places]
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


def draw_curves(revision: str, before: Curves, after: Curves) -> Picture:
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


def _rows(project: Project, revision: str | None, path: Path) -> list[dict[str, str]]:
    """The rows of a report, of the workspace if `revision` is None; none if it was not built."""
    if revision:
        name = path.relative_to(project.root).as_posix()
        text = git(project.root, "show", f"{revision}:./{name}")
    else:
        text = path.read_text(encoding="utf-8") if path.is_file() else None
    return list(csv.DictReader((text or "").splitlines()))


def _scores(rows: list[dict[str, str]]) -> dict[str, float]:
    try:
        return {row["architecture"]: float(row["validation_mae"]) for row in rows}
    except (KeyError, TypeError, ValueError):
        raise _damaged("leaderboard.csv", "evaluate") from None


def _curves(rows: list[dict[str, str]]) -> dict[str, list[float]]:
    curves: dict[str, list[float]] = {}
    try:
        for row in rows:  # in the order of the epochs
            curves.setdefault(row["architecture"], []).append(float(row["val_mae"]))
    except (KeyError, TypeError, ValueError):
        raise _damaged("validation_curves.csv", "report") from None
    return curves


def _damaged(name: str, stage: str) -> ProjectError:
    return ProjectError(f"{name} is damaged; build it again: dvc repro -f {stage}")
