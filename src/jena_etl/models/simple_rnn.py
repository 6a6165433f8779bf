"""simple_rnn: the simplest recurrent model, for windows of any length."""

from __future__ import annotations

from typing import Any

import numpy as np

from jena_etl.models.architecture import Architecture
from jena_etl.params import Positive


class Model(Architecture):
    """SimpleRNN(units) on inputs of any length."""

    units: Positive

    def layers(self) -> list[Any]:
        """The last output of the loop."""
        import keras

        return [keras.layers.SimpleRNN(self.units)]

    def input_length(self, sequence_length: int) -> None:  # noqa: ARG002  it takes any
        """Any."""
        return


def simple_rnn(
    inputs: np.ndarray, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """What a SimpleRNN layer computes, as the reference's loop: the whole output sequence.

    Each output is tanh(W x + U s + b), and the next step's state s.

    Args:
        inputs: x, (steps, features).
        kernel: W, (features, units), as Keras keeps it.
        recurrent_kernel: U, (units, units).
        bias: b, (units,).

    Returns:
        (steps, units); the last row is what the layer returns without return_sequences.
    """
    state = np.zeros(len(bias), dtype=inputs.dtype)
    outputs = []
    for step in inputs:
        state = np.tanh(step @ kernel + state @ recurrent_kernel + bias)
        outputs.append(state)
    return np.stack(outputs)
