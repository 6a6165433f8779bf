"""What every architecture has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import Field

from jena_etl.params import Block, Order, Positive

Optimizer = Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]


class Architecture(Block):
    """A model's block of params.yaml, and how to build the model from it."""

    epochs: Positive
    optimizer: Optimizer
    learning_rate: Annotated[float, Field(gt=0)]
    order: Order

    @abstractmethod
    def layers(self) -> list[Any]:
        """The Keras layers between the input and the forecast."""

    def build(self, sequence_length: int, features: int) -> Any:
        """A compiled Keras model: (batch, sequence_length, features) -> (batch, 1).

        Loss mse, metric mae, both in the target's own unit.
        """
        import keras

        model = keras.Sequential(
            [keras.Input((sequence_length, features)), *self.layers(), keras.layers.Dense(1)]
        )
        optimizer = keras.optimizers.get(
            {"class_name": self.optimizer, "config": {"learning_rate": self.learning_rate}}
        )
        model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
        return model
