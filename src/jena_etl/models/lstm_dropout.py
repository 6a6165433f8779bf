"""lstm_dropout: an LSTM with recurrent dropout."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """LSTM(units, recurrent_dropout), Dropout(dropout)."""

    units: PositiveInt
    recurrent_dropout: Rate
    dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """Recurrent dropout applies the same mask at every step (Y. Gal, 2016)."""
        return [
            keras.layers.LSTM(self.units, recurrent_dropout=self.recurrent_dropout),
            keras.layers.Dropout(self.dropout),
        ]
