"""lstm: the reference's first recurrent model."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Positive


class Model(NeuralNetwork):
    """LSTM(units), Dense(1)."""

    units: Positive

    def layers(self, keras: Any) -> list[Any]:
        """One LSTM, of which the last output counts."""
        return [keras.layers.LSTM(self.units)]
