"""lstm: the reference's first recurrent model."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """LSTM(units), Dense(1)."""

    units: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """One LSTM, of which the last output counts."""
        return [keras.layers.LSTM(self.units)]
