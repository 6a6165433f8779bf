"""bidirectional_lstm: one LSTM reads the window forwards, another backwards."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Positive


class Model(NeuralNetwork):
    """Bidirectional(LSTM(units))."""

    units: Positive

    def layers(self, keras: Any) -> list[Any]:
        """The last outputs of both directions, joined."""
        return [keras.layers.Bidirectional(keras.layers.LSTM(self.units))]
