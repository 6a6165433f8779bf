"""dense: the reference's baseline, which ignores the order of the inputs."""

from __future__ import annotations

from typing import Any

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Positive


class Model(NeuralNetwork):
    """Flatten, Dense(units, relu), Dense(1)."""

    units: Positive

    def layers(self, keras: Any) -> list[Any]:
        """Flatten to sequence_length * features numbers, then one hidden layer."""
        return [keras.layers.Flatten(), keras.layers.Dense(self.units, activation="relu")]
