"""Train one architecture and keep its best epoch; Keras' own names alone."""

from __future__ import annotations

import csv
import io
import math
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.errors import TrainingError
from jena_etl.models import Architecture
from jena_etl.training import checkpoint
from jena_etl.windows.split import SplitWindows


def seeded_model(
    architecture: Architecture, windows: SplitWindows, *, seed: int, mixed_precision: bool = False
) -> Any:
    """Build the model for `windows` with every random number set by `seed`.

    The one place where the process' global state is touched: its random numbers and, while the
    layers are made, Keras' dtype policy.

    Args:
        architecture: what to build.
        windows: the windows it will read.
        seed: of weights and dropout.
        mixed_precision: layers compute in float16; weights, forecast and loss stay float32, and
            Keras scales the loss so that small gradients do not vanish. Not bfloat16: tensor
            cores compute float16 since 2017 (Volta), bfloat16 since 2020 (Ampere), and normalised
            inputs do not need its range.
    """
    import keras

    keras.utils.clear_session()  # the names Keras makes up (lstm_1) stand in the model file
    _set_random_seed(seed)
    usual_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if mixed_precision else "float32")
    try:
        model = architecture.build(windows.spec.sequence_length, windows.features.shape[-1])
    finally:
        keras.config.set_dtype_policy(usual_policy)
    if architecture.output_bias == "train_mean":
        mean = windows.targets[windows.target_rows()].mean(dtype=np.float64)
        model.layers[-1].bias.assign([mean])
    return model


def _set_random_seed(seed: int) -> None:
    """Seed weights and dropout, for which Keras draws from Python's random numbers."""
    import keras

    if keras.config.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    else:  # which would import TensorFlow wherever it is installed
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  Keras' own code may draw from it


def train(
    model: Any,
    train_batches: Callable[[int], Any],
    validation_batches: Any,
    *,
    epochs: int,
    patience: int | None = None,
    checkpoint_file: Path | None = None,
    xla: bool = False,
) -> str:
    """Fit `model`, leave it at its best epoch by validation loss, and return the history as CSV.

    Epochs are shown on stdout, and so is a hint if the last one was the best.

    Args:
        model: a compiled Keras model with metric mae; changed in place, optimizer included.
        train_batches: given the number of the first epoch, what `model.fit` takes; each pass is
            the next epoch.
        validation_batches: the same, in any order.
        epochs: passes over the train batches.
        patience: stop after so many epochs without a better validation loss; None never does.
        checkpoint_file: kept after every epoch; a run that was cut off goes on from it. Left to
            the caller to remove when what it makes of the model is written.
        xla: compile the steps with XLA; the model's file does not know of it.

    Raises:
        TrainingError: a loss is NaN or infinite; names the epoch.
        KeyboardInterrupt: Ctrl-C; says in which epoch, and what goes on from there.
    """
    import keras

    # Its slots are part of the state, too; fit would add them later. The model's variables include
    # the seed generators of its dropout.
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    progress = checkpoint.Progress()
    if checkpoint_file:
        progress = checkpoint.load(
            checkpoint_file, [tuple(variable.shape) for variable in variables]
        )
        if progress.epochs:
            _assign(variables, progress.state)

    class EveryEpoch(keras.callbacks.Callback):  # keras is imported when training starts
        """Takes stock, and stops at a loss that is not a number."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            for name in ("loss", "val_loss"):
                if not math.isfinite(logs[name]):
                    raise TrainingError(
                        f"{name} is {logs[name]} after epoch {epoch + 1}; no model was written. "
                        "Lower the model's learning_rate, or look for extremes: jena-etl inspect"
                    )
            values = [keras.ops.convert_to_numpy(variable).copy() for variable in variables]
            progress.add([logs[name] for name in checkpoint.COLUMNS], values)
            if checkpoint_file:
                checkpoint.save(checkpoint_file, progress)
            model.stop_training = progress.is_over(epochs, patience)

    if xla:
        model.jit_compile = True
    if not progress.is_over(epochs, patience):
        try:
            model.fit(
                train_batches(progress.epochs),
                validation_data=validation_batches,
                initial_epoch=progress.epochs,
                epochs=epochs,
                shuffle=False,  # the batches are shuffled already
                verbose=1 if sys.stdout.isatty() else 2,  # a bar, or a line per epoch
                callbacks=[EveryEpoch()],
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped in epoch {progress.epochs + 1}; dvc repro goes on from there"
            ) from None
    _assign(variables, progress.best)
    sys.stdout.write(_hint(progress))
    return _history_csv(progress)


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _hint(progress: checkpoint.Progress) -> str:
    if not 1 < progress.epochs == progress.best_epoch + 1:
        return ""
    return (
        f"the validation loss was still falling in the last epoch ({progress.epochs}); "
        "more epochs may help\n"
    )


def _history_csv(progress: checkpoint.Progress) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["epoch", *checkpoint.COLUMNS])
    rows.writerows([epoch, *row] for epoch, row in enumerate(progress.history, start=1))
    return text.getvalue()
