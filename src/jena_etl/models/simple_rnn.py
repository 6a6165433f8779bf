"""simple_rnn: the simplest recurrent model, for windows of any length."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """SimpleRNN(units) on inputs of any length."""

    any_length: ClassVar[bool] = True
    units: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """One recurrent layer, of which the last output counts."""
        return [keras.layers.SimpleRNN(self.units)]


def simple_rnn(
    inputs: np.ndarray, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """What a SimpleRNN layer computes, written as a loop in NumPy, as in the reference.

    Each output is tanh(W x + U s + b), which is also the state s of the next step.

    Args:
        inputs: x, (steps, features).
        kernel: W, (features, units), as Keras stores it.
        recurrent_kernel: U, (units, units).
        bias: b, (units,).

    Returns:
        The whole output sequence, (steps, units). Without return_sequences, the layer returns the
        last row.
    """
    state = np.zeros(len(bias), dtype=inputs.dtype)
    outputs = []
    for step in inputs:
        state = np.tanh(step @ kernel + state @ recurrent_kernel + bias)
        outputs.append(state)
    return np.stack(outputs)
