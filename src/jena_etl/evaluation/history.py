"""Reads back how an architecture trained."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from jena_etl.errors import ProjectError
from jena_etl.files import not_built

COLUMNS = ("mae", "val_loss", "val_mae")


@dataclass(frozen=True)
class History:
    """The errors after each epoch, one entry per epoch; those of MAE in the target's unit.

    Attributes:
        mae: MAE on the train split, averaged over the epoch.
        val_loss: loss on the validation split, of the scale that the model was trained on.
        val_mae: MAE on the validation split.
    """

    mae: list[float]
    val_loss: list[float]
    val_mae: list[float]

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept: the first with the lowest validation loss, from 1."""
        return self.val_loss.index(min(self.val_loss)) + 1


def read_history(path: Path, *, built_by: str) -> History:
    """Read the history that the train stage wrote.

    Raises:
        ProjectError: the file is missing or damaged; names the command that builds it.
    """
    again = f"build it again: dvc repro -f {built_by}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {name: [float(row[name]) for row in rows] for name in COLUMNS}
    except FileNotFoundError:
        raise not_built(path, built_by) from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ProjectError(f"{path.name} is damaged; {again}") from None
    if not rows:
        raise ProjectError(f"{path.name} holds no epoch; {again}")
    return History(**columns)
