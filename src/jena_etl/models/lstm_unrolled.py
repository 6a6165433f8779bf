"""lstm_unrolled: the LSTM with recurrent dropout, its loop unrolled."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """LSTM(units, recurrent_dropout, unroll)."""

    units: PositiveInt
    recurrent_dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """Unrolling takes more memory, but saves the overhead of a loop."""
        rate = self.recurrent_dropout
        return [keras.layers.LSTM(self.units, recurrent_dropout=rate, unroll=True)]
