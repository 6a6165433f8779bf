"""dense: the reference's baseline, which ignores the order of the inputs."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """Flatten, Dense(units, relu), Dense(1)."""

    units: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """Flatten to sequence_length * features numbers, then one hidden layer."""
        return [keras.layers.Flatten(), keras.layers.Dense(self.units, activation="relu")]
