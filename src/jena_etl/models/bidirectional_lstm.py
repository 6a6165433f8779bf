"""bidirectional_lstm: an LSTM in each direction."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import Architecture
from jena_etl.params import Positive


class Model(Architecture):
    """Bidirectional(LSTM(units))."""

    units: Positive

    def layers(self) -> list[Any]:
        """Both directions read the window; their last outputs are joined."""
        import keras

        return [keras.layers.Bidirectional(keras.layers.LSTM(self.units))]
