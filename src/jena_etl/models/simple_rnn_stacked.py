"""simple_rnn_stacked: several simple recurrent layers, one on top of the other."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """SimpleRNN(units), repeated `depth` times."""

    units: PositiveInt
    depth: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """All layers but the last pass on their whole output sequence."""
        last = self.depth - 1
        return [
            keras.layers.SimpleRNN(self.units, return_sequences=layer < last)
            for layer in range(self.depth)
        ]
