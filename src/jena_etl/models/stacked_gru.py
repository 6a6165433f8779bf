"""stacked_gru: two GRU layers, without recurrent dropout so that a GPU can use cuDNN."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """GRU(units) returning sequences, GRU(units), Dropout(dropout)."""

    units: PositiveInt
    dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """The first layer passes on its whole output sequence."""
        return [
            keras.layers.GRU(self.units, return_sequences=True),
            keras.layers.GRU(self.units),
            keras.layers.Dropout(self.dropout),
        ]
