"""Draws a few hours of a series on a terminal, in plain characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jena_etl.commands.wording import timestamp_text

WIDTH, HEIGHT = 61, 12  # characters, without the axis
DRAWN = ("past", "interval", "observed", "naive", "forecast", "|", "+", "-")
GLYPHS = dict(zip(DRAWN, "•┊○◇◆│└─", strict=True))
IN_ASCII = dict(zip(DRAWN, "*:onF|+-", strict=True))


class Mark(NamedTuple):
    """Points of one kind.

    Attributes:
        kind: past, interval, observed, naive or forecast; a later mark is drawn over an earlier
            one.
        timestamps: datetime64 of shape (points,).
        values: (points,).
    """

    kind: str
    timestamps: np.ndarray
    values: np.ndarray


def chart(marks: Sequence[Mark], encoding: str | None) -> str:
    """Draw the marks over a common axis of time, with a legend.

    The encoding is that of the terminal; None if it is not known, which draws in ASCII.
    """
    glyphs = GLYPHS if _can_encode("".join(GLYPHS.values()), encoding) else IN_ASCII
    timestamps = np.concatenate([mark.timestamps for mark in marks])
    values = np.concatenate([mark.values for mark in marks])
    first, last = timestamps.min(), timestamps.max()
    low, high = float(values.min()), float(values.max())
    canvas = [[" "] * WIDTH for _ in range(HEIGHT)]
    for mark in marks:
        columns = _scaled(mark.timestamps - first, WIDTH, last - first)
        rows = _scaled(high - mark.values, HEIGHT, high - low)
        for column, row in zip(columns, rows, strict=True):
            canvas[row][column] = glyphs[mark.kind]
    vertical, corner, line = glyphs["|"], glyphs["+"], glyphs["-"]
    labels = {0: f"{high:.4g}", HEIGHT - 1: f"{low:.4g}"}
    lines = [
        f"{labels.get(at, ''):>9} {vertical}{''.join(row)}".rstrip()
        for at, row in enumerate(canvas)
    ]
    start, end = timestamp_text(first), timestamp_text(last)
    lines += [
        f"{'':>9} {corner}{line * WIDTH}",
        f"{'':>10} {start}{end:>{WIDTH - len(start)}}",
        f"{'':>10} " + "   ".join(f"{glyphs[mark.kind]} {mark.kind}" for mark in marks),
    ]
    return "\n".join(lines)


def _scaled(distances: np.ndarray, places: int, longest: float | np.timedelta64) -> list[int]:
    """Which of `places` characters each distance from the first one falls on."""
    if not longest:
        return [0] * len(distances)
    found: list[int] = np.rint(distances / longest * (places - 1)).astype(int).tolist()
    return found


def _can_encode(text: str, encoding: str | None) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
