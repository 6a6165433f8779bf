"""bidirectional_lstm: one LSTM reads the window forwards, another backwards."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """Bidirectional(LSTM(units))."""

    units: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """The last outputs of both directions, joined."""
        return [keras.layers.Bidirectional(keras.layers.LSTM(self.units))]
