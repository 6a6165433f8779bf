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
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    order: Order
    # Layers of Dense(n, relu) below the forecast; and after how many epochs without a better
    # validation loss to stop. Neither is in the reference's models.
    dense: Annotated[tuple[Positive, ...], Field(strict=False)] = ()
    early_stopping: Positive | None = None

    @abstractmethod
    def layers(self) -> list[Any]:
        """The Keras layers between the input and the forecast."""

    def input_length(self, sequence_length: int) -> int | None:
        """Steps of the model's input; None takes any number."""
        return sequence_length

    def build(self, sequence_length: int, features: int) -> Any:
        """A compiled Keras model: (batch, sequence_length, features) -> (batch, 1).

        Loss mse, metric mae, both in the target's own unit.
        """
        import keras

        model = keras.Sequential(
            [
                keras.Input((self.input_length(sequence_length), features)),
                *self.layers(),
                *(keras.layers.Dense(units, activation="relu") for units in self.dense),
                keras.layers.Dense(1),
            ]
        )
        optimizer = keras.optimizers.get(
            {"class_name": self.optimizer, "config": {"learning_rate": self.learning_rate}}
        )
        model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
        return model
