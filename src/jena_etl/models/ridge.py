"""ridge: linear regression with a penalty on large weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from jena_etl.models.architecture import Architecture, FittedAtOnce, Positive

if TYPE_CHECKING:
    from jena_etl.windows.split_windows import SplitWindows

BATCH_SIZE = 1024  # windows that are read at once


class Model(FittedAtOnce):
    """One linear layer over all steps and columns, whose weights have a closed form.

    The weights minimise the squared error on the train windows plus `penalty` times the sum of
    their squares (A. E. Hoerl and R. W. Kennard, Ridge Regression, 1970); the bias is not
    penalised. Each of `penalties` is tried, and the one with the lowest squared error on the
    validation windows is kept: in the history, a penalty is an epoch.
    """

    more = "further penalties"
    penalties: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]

    def layers(self, keras: Any) -> list[Any]:
        """All steps and columns, as one vector for the linear layer of the forecast."""
        return [keras.layers.Flatten()]

    def fit(
        self,
        build: Callable[[Architecture], Any],
        windows: Mapping[str, SplitWindows],
        *,
        seed: int,  # noqa: ARG002  nothing is drawn at random
    ) -> tuple[Any, list[list[float]]]:
        """Solve for the weights of every penalty, reading the train windows twice.

        The windows themselves are not kept in memory.
        """
        count = len(windows["train"])
        sums, squares = np.zeros(()), np.zeros(())
        for inputs, goals in self._batches(windows["train"]):
            both = np.concatenate([inputs, goals], axis=1)
            sums = sums + both.sum(axis=0)
            squares = squares + both.T @ both
        mean = sums / count
        spread = squares - count * np.outer(mean, mean)
        inner, outer = spread[:-1, :-1], spread[:-1, -1]
        kernels = np.stack(
            [np.linalg.solve(inner + p * np.eye(len(inner)), outer) for p in self.penalties], axis=1
        )
        biases = mean[-1] - mean[:-1] @ kernels
        scores = [
            self._errors(windows[split], kernels, biases) for split in ("train", "validation")
        ]
        history = np.concatenate(scores, axis=1)  # mse and mae on train, then on validation
        best = history[:, 2].argmin()
        model = build(self)
        forecast = next(layer for layer in model.layers if layer.trainable_weights)
        forecast.set_weights([kernels[:, best : best + 1], biases[best : best + 1]])
        return model, history.tolist()

    def _errors(self, windows: SplitWindows, kernels: np.ndarray, biases: np.ndarray) -> np.ndarray:
        """Mean squared and mean absolute error of each penalty's model, of shape (penalties, 2)."""
        sums = np.zeros((len(biases), 2))
        for inputs, goals in self._batches(windows):
            errors = inputs @ kernels + biases - goals
            sums += np.stack([(errors**2).sum(axis=0), np.abs(errors).sum(axis=0)], axis=1)
        return sums / len(windows)

    def _batches(self, windows: SplitWindows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs of shape (windows, steps * columns) and goals of shape (windows, 1), float64."""
        goals = self.goals(windows)[:, np.newaxis]
        firsts = range(0, len(goals), BATCH_SIZE)
        batches = windows.batches(BATCH_SIZE, order=self.order)
        for first, (inputs, _) in zip(firsts, batches, strict=True):
            rows = inputs.reshape(len(inputs), -1).astype(np.float64)
            yield rows, goals[first : first + BATCH_SIZE]
