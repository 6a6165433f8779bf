"""Train one architecture and keep its best epoch; Keras' own names alone."""

from __future__ import annotations

import csv
import io
import math
import sys
from typing import Any

from jena_etl.errors import TrainingError
from jena_etl.models import Architecture
from jena_etl.windows.windows import Windows

COLUMNS = ("epoch", "loss", "mae", "val_loss", "val_mae")


def seeded_model(architecture: Architecture, windows: Windows, *, seed: int) -> Any:
    """Build the model for `windows` with every random number set by `seed`.

    The one place where the process' global random state is touched.
    """
    import keras

    keras.utils.clear_session()  # the names Keras makes up (lstm_1) stand in the model file
    keras.utils.set_random_seed(seed)
    return architecture.build(windows.spec.sequence_length, windows.features.shape[-1])


def train(model: Any, train_batches: Any, validation_batches: Any, *, epochs: int) -> str:
    """Fit `model`, leave it at its best epoch by validation loss, and return the history as CSV.

    Args:
        model: a compiled Keras model with metric mae; changed in place, optimizer included.
        train_batches: what `model.fit` takes; each pass is an epoch.
        validation_batches: the same, in any order.
        epochs: passes over the train batches.

    Raises:
        TrainingError: a loss is NaN or infinite; names the epoch.
    """
    import keras

    class BestEpoch(keras.callbacks.Callback):  # keras is imported when training starts, not before
        """Remembers the variables of the best epoch, and stops at a loss that is no number."""

        def __init__(self) -> None:
            super().__init__()
            self.loss = math.inf
            self.values: list[Any] = []

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            for name in ("loss", "val_loss"):
                if not math.isfinite(logs[name]):
                    raise TrainingError(
                        f"{name} is {logs[name]} after epoch {epoch + 1}; no model was written. "
                        "Lower the model's learning_rate, or look for NaN with jena-etl inspect"
                    )
            if logs["val_loss"] < self.loss:
                self.loss = logs["val_loss"]
                self.values = [variable.numpy() for variable in _variables(model)]

    best = BestEpoch()
    history = model.fit(
        train_batches,
        validation_data=validation_batches,
        epochs=epochs,
        shuffle=False,  # the feed shuffles
        verbose=1 if sys.stdout.isatty() else 2,  # a bar, or a line per epoch
        callbacks=[best],
    ).history
    for variable, value in zip(_variables(model), best.values, strict=True):
        variable.assign(value)
    return _history_csv(history)


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _history_csv(history: dict[str, list[float]]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    epochs = range(1, len(history["loss"]) + 1)
    rows.writerows(zip(epochs, *(history[name] for name in COLUMNS[1:]), strict=True))
    return text.getvalue()
