"""What every architecture has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import Field

from jena_etl.errors import ParamsError
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
    # Where the forecast starts: at zero, as in the reference's models, or at the mean of the train
    # windows' targets, which few epochs on a short file do not reach by themselves.
    output_bias: Literal["zero", "train_mean"] = "zero"
    # Whether XLA compiles the training step when it runs on a CPU, which then uses one core of it.
    xla_on_cpu: bool = False

    @abstractmethod
    def layers(self) -> list[Any]:
        """The Keras layers between the input and the forecast."""

    def input_length(self, sequence_length: int) -> int | None:
        """Steps of the model's input; None takes any number."""
        return sequence_length

    def build(self, sequence_length: int, features: int) -> Any:
        """A compiled Keras model: (batch, sequence_length, features) -> (batch, 1).

        Loss mse, metric mae, both in the target's own unit.

        Raises:
            ParamsError: the window is too short for the layers.
        """
        import keras

        layers = [
            keras.Input((self.input_length(sequence_length), features)),
            *self.layers(),
            *(keras.layers.Dense(units, activation="relu") for units in self.dense),
            keras.layers.Dense(1, dtype="float32"),  # also in mixed precision
        ]
        try:
            model = keras.Sequential(layers)
        except ValueError as error:
            name = type(self).__module__.rpartition(".")[2]
            raise ParamsError(
                f"models.{name} cannot be built for window.sequence_length {sequence_length}: "
                f"{str(error).splitlines()[0]}"
            ) from error
        optimizer = keras.optimizers.get(
            {"class_name": self.optimizer, "config": {"learning_rate": self.learning_rate}}
        )
        if keras.config.dtype_policy().name == "mixed_float16":
            # Keras would do so, too, but a loaded file would not know of it.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
        return model
