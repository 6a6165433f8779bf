"""Saves the state of a training run after every epoch, so that a kill costs one epoch at most.

Keras' own backup leaves out dropout's seed generators, the best epoch so far and the history, so a
run resumed from it gives a different model from one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.files import replacing, sha256_of
from jena_etl.training.device import versions

COLUMNS = ("loss", "mae", "val_loss", "val_mae")


@dataclass
class Progress:
    """The state of a run after some epochs.

    Attributes:
        history: one row of COLUMNS per epoch.
        state: all variables of the model, optimizer and seed generators after the last epoch.
        best: the same variables after the epoch with the best validation loss.
    """

    history: list[list[float]] = field(default_factory=list)
    state: list[np.ndarray] = field(default_factory=list)
    best: list[np.ndarray] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """The number of epochs done."""
        return len(self.history)

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss, counted from 0."""
        losses = [row[COLUMNS.index("val_loss")] for row in self.history]
        return losses.index(min(losses))

    def is_over(self, epochs: int, patience: int | None) -> bool:
        """Whether `epochs` are done, or `patience` epochs have passed since the best one."""
        waited = self.epochs - 1 - self.best_epoch if self.history else 0
        return self.epochs >= epochs or (patience is not None and waited >= patience)

    def add(self, row: list[float], state: Sequence[np.ndarray]) -> None:
        """Record one more epoch."""
        self.history.append(row)
        self.state = list(state)
        if self.best_epoch == self.epochs - 1:
            self.best = self.state


def run_key(dependencies: Iterable[Path], **settings: Any) -> str:
    """Name a training run by all that shapes its result, so that no other run uses its checkpoint.

    That is its settings, the versions of Keras, NumPy and the backend, and the contents of the data
    and code that its stage depends on. Of a folder, its JSON files count, which say what the arrays
    beside them were made from.
    """
    files = [
        file
        for path in dependencies
        for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])
    ]
    contents = [sha256_of(file) for file in files]
    text = json.dumps({**settings, "contents": contents, "versions": versions()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save(path: Path, progress: Progress) -> None:
    """Write a checkpoint; an older one is replaced only when the new one is complete."""
    arrays = {"history": np.array(progress.history)}
    arrays |= {f"state_{at}": value for at, value in enumerate(progress.state)}
    arrays |= {f"best_{at}": value for at, value in enumerate(progress.best)}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load(path: Path, shapes: list[tuple[int, ...]]) -> Progress:
    """Read a checkpoint of variables with these shapes; without a file, start a new run.

    A damaged file is set aside with a warning on stderr, because epochs must not be lost silently.
    """
    if not path.is_file():
        return Progress()
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            both = [
                [arrays[f"{kind}_{at}"] for at in range(len(shapes))] for kind in ("state", "best")
            ]
            history = arrays["history"].tolist()
        if [[value.shape for value in values] for values in both] != [shapes, shapes]:
            raise ValueError("it holds other variables")  # noqa: TRY301  damage like any other
    except Exception as error:  # noqa: BLE001  damaged files raise a dozen kinds of error
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        sys.stderr.write(
            f"warning: checkpoint {path.name} is damaged ({error}) and was set aside as "
            f"{aside.name}; training starts at epoch 1\n"
        )
        return Progress()
    return Progress(history, *both)
