"""dense: the reference's baseline that ignores the order of time."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import Architecture
from jena_etl.params import Positive


class Model(Architecture):
    """Flatten, Dense(units, relu), Dense(1)."""

    units: Positive

    def layers(self) -> list[Any]:
        """Flatten (sequence_length * features), then a hidden layer."""
        import keras

        return [keras.layers.Flatten(), keras.layers.Dense(self.units, activation="relu")]
