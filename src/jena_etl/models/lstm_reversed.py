"""lstm_reversed: an LSTM on windows in reversed order (order: reversed)."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import Architecture
from jena_etl.params import Positive, Rate


class Model(Architecture):
    """LSTM(units), Dropout(dropout); its block sets order: reversed."""

    units: Positive
    dropout: Rate

    def layers(self) -> list[Any]:
        """The last thing it sees is the oldest."""
        import keras

        return [keras.layers.LSTM(self.units), keras.layers.Dropout(self.dropout)]
