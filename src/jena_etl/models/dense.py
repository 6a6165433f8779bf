"""dense: the reference's baseline, which ignores the order of the inputs."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import Architecture
from jena_etl.params import Positive


class Model(Architecture):
    """Flatten, Dense(units, relu), Dense(1)."""

    units: Positive

    def layers(self) -> list[Any]:
        """Flatten to sequence_length * features numbers, then one hidden layer."""
        import keras

        return [keras.layers.Flatten(), keras.layers.Dense(self.units, activation="relu")]
