"""Trains one architecture and keeps its best epoch."""

from __future__ import annotations

import csv
import io
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.errors import TrainingError
from jena_etl.files import write_text
from jena_etl.models import Architecture, FittedAtOnce, NeuralNetwork
from jena_etl.models.architecture import LAST_OBSERVATION
from jena_etl.training import checkpoint
from jena_etl.training.metadata import ForecastTask
from jena_etl.windows.split_windows import SplitWindows


def seeded_model(
    architecture: Architecture,
    windows: SplitWindows,
    task: ForecastTask,
    *,
    seed: int,
    mixed_precision: bool = False,
) -> Any:
    """Build the model for `windows`, with `seed` setting every random number.

    This is the only place that touches the global state of the process: its random numbers and,
    while the layers are built, Keras' dtype policy.

    With `mixed_precision`, layers compute in float16; weights, forecast and loss stay float32, and
    Keras scales the loss so that small gradients do not vanish. Not bfloat16: tensor cores have had
    float16 since 2017 (Volta) and bfloat16 since 2020 (Ampere), and normalised inputs do not need
    its range.
    """
    import keras

    keras.utils.clear_session()  # the model file contains the names Keras makes up (lstm_1)
    _set_random_seed(seed)
    usual_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if mixed_precision else "float32")
    try:
        model = architecture.build(windows.spec.sequence_length, windows.feature_count)
    finally:
        keras.config.set_dtype_policy(usual_policy)
    if isinstance(architecture, NeuralNetwork) and architecture.output_bias == "train_mean":
        mean = windows.observations().mean(dtype=np.float64)
        model.layers[-1].bias.assign([mean])
    if architecture.target_as == "change":
        target = task.columns.index(task.target)
        kernel = np.zeros((len(task.columns), 1), np.float32)
        kernel[target] = task.std[target]
        bias = np.array([task.mean[target]], np.float32)
        model.get_layer(LAST_OBSERVATION).set_weights([kernel, bias])  # undoes the normalisation
    return model


def _set_random_seed(seed: int) -> None:
    """Seed weights and dropout, which Keras draws from Python's random numbers."""
    import keras

    if keras.config.backend() == "tensorflow":
        keras.utils.set_random_seed(seed)
    else:  # set_random_seed would import TensorFlow wherever it is installed
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  Keras' own code may draw from it


def train(
    model: Any,
    train_batches: Callable[[int], Any],
    validation_batches: Any,
    *,
    epochs: int,
    patience: int | None = None,
    learning_rate: Callable[[int], float] | None = None,
    checkpoint_file: Path | None = None,
    history_file: Path | None = None,
    naive_mae: float = math.nan,
    xla: bool = False,
    callbacks: Sequence[Any] = (),
    writes: bool = True,
) -> str:
    """Fit `model`, leave it at the epoch with the best validation loss, return the history as CSV.

    Progress goes to stdout, with a hint if the last epoch was the best.

    Args:
        model: a compiled Keras model with metric mae; changed in place, optimizer included.
        train_batches: called with the number of the first epoch; returns what `model.fit` takes,
            each pass over it being the next epoch.
        validation_batches: the validation batches, in any order.
        epochs: the number of passes over the train batches.
        patience: stop after this many epochs without a better validation loss; None never stops.
        learning_rate: the learning rate of each epoch, counted from 0; None leaves the
            optimizer's as it is.
        checkpoint_file: written after every epoch; an interrupted run resumes from it. The caller
            removes it once the results are written.
        history_file: removed first, then rewritten after every epoch, so that the curve can be
            watched while it grows.
        naive_mae: the validation MAE of the naive forecast, which is repeated in every row of the
            history so that a chart of it can draw the line to beat.
        xla: whether to compile the steps with XLA; this leaves no trace in the model's file.
        callbacks: Keras callbacks that come first.
        writes: whether this process writes the files; of several that train together, one does.

    Raises:
        TrainingError: a loss is NaN or infinite; names the epoch.
        KeyboardInterrupt: Ctrl-C; names the epoch and the command that resumes.
    """
    import keras

    variables = trained_variables(model)
    progress = resumed(checkpoint_file, variables)
    history = _History(naive_mae, history_file if writes else None)

    class EveryEpoch(keras.callbacks.Callback):  # keras is imported when training starts
        """Saves a checkpoint and the history, and stops if a loss is not finite."""

        def on_epoch_begin(self, epoch: int, _logs: object = None) -> None:
            if learning_rate:
                model.optimizer.learning_rate = learning_rate(epoch)

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            for name in ("loss", "val_loss"):
                if not math.isfinite(logs[name]):
                    raise TrainingError(
                        f"{name} is {logs[name]} after epoch {epoch + 1}; no model was written. "
                        "Lower the model's learning_rate, or look for extremes: jena-etl inspect"
                    )
            values = [keras.ops.convert_to_numpy(variable).copy() for variable in variables]
            progress.add([logs[name] for name in checkpoint.COLUMNS], values)
            if checkpoint_file and writes:
                checkpoint.save(checkpoint_file, progress)
            history.show(progress)
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
                callbacks=[*callbacks, EveryEpoch()],
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped in epoch {progress.epochs + 1}; dvc repro resumes from there"
            ) from None
        sys.stdout.write(_hint(progress))
    _assign(variables, progress.best)
    return history.csv(progress)


def fit_at_once(
    architecture: FittedAtOnce,
    windows: Mapping[str, SplitWindows],
    task: ForecastTask,
    *,
    seed: int,
    naive_mae: float = math.nan,
) -> tuple[Any, str]:
    """Fit an architecture that is not trained epoch by epoch; return its model and the history.

    The arguments are those of `seeded_model` and `train`.

    Raises:
        TrainingError: a package that the architecture needs is not installed.
    """
    model, scores = architecture.fit(
        lambda chosen: seeded_model(chosen, windows["train"], task, seed=seed), windows, seed=seed
    )
    progress = checkpoint.Progress(scores)
    sys.stdout.write(_hint(progress, architecture.more))
    return model, _History(naive_mae, None).csv(progress)


def trained_variables(model: Any) -> list[Any]:
    """What a checkpoint holds: the variables of the model and of its optimizer."""
    # The optimizer's slots are part of the state, but fit would only add them later. The model's
    # variables include dropout's seed generators.
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def resumed(checkpoint_file: Path | None, variables: list[Any]) -> checkpoint.Progress:
    """The progress of a run so far, to which the variables are set; none without a checkpoint."""
    if not checkpoint_file:
        return checkpoint.Progress()
    shapes = [tuple(variable.shape) for variable in variables]
    progress = checkpoint.load(checkpoint_file, shapes)
    if progress.epochs:
        _assign(variables, progress.state)
    return progress


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _hint(progress: checkpoint.Progress, more: str = "more epochs") -> str:
    if not 1 < progress.epochs == progress.best_epoch + 1:
        return ""
    return (
        f"the validation loss was still falling in the last epoch ({progress.epochs}); "
        f"{more} may help\n"
    )


class _History:
    """The MAE and loss of each epoch as CSV, in the columns that `dvc plots` and DVCLive use."""

    def __init__(self, naive_mae: float, file: Path | None) -> None:
        self._naive_mae = naive_mae
        self._file = file
        self._shown: str | None = None
        if file:
            file.unlink(missing_ok=True)

    def csv(self, progress: checkpoint.Progress) -> str:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["step", *checkpoint.COLUMNS, "naive_val_mae"])
        for step, row in enumerate(progress.history, start=1):
            rows.writerow([step, *row, self._naive_mae])
        return text.getvalue()

    def show(self, progress: checkpoint.Progress) -> None:
        """Rewrite the file, unless somebody else has written it.

        A stage whose DVC was killed trains on. In the meantime DVC may have put the results of
        another run in place, which must stay as they are.
        """
        if not self._file:
            return
        found = self._file.read_text(encoding="utf-8") if self._file.exists() else None
        if found == self._shown:
            self._shown = self.csv(progress)
            write_text(self._file, self._shown)
