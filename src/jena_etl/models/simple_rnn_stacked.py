"""simple_rnn_stacked: three simple recurrent layers."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import Architecture
from jena_etl.params import Positive


class Model(Architecture):
    """SimpleRNN(units), depth times."""

    units: Positive
    depth: Positive

    def layers(self) -> list[Any]:
        """All but the last hand on their whole sequence."""
        import keras

        last = self.depth - 1
        return [
            keras.layers.SimpleRNN(self.units, return_sequences=at < last)
            for at in range(self.depth)
        ]
