"""stacked_gru_dropout: two GRU layers with recurrent dropout."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """GRU(units, recurrent_dropout) returning sequences, another, Dropout(dropout)."""

    units: PositiveInt
    recurrent_dropout: Rate
    dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """The first layer passes on its whole output sequence."""
        rate = self.recurrent_dropout
        return [
            keras.layers.GRU(self.units, recurrent_dropout=rate, return_sequences=True),
            keras.layers.GRU(self.units, recurrent_dropout=rate),
            keras.layers.Dropout(self.dropout),
        ]
