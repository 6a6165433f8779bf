"""lstm_reversed: an LSTM that reads its windows backwards."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """LSTM(units), Dropout(dropout). Its block of params.yaml sets order: reversed."""

    units: PositiveInt
    dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """One LSTM, which reads the oldest row last."""
        return [keras.layers.LSTM(self.units), keras.layers.Dropout(self.dropout)]
