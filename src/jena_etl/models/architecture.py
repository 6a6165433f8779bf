"""What every architecture has in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import Field

from jena_etl.errors import ParamsError
from jena_etl.params import Order, Positive
from jena_etl.params_check import Block

Optimizer = Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]


class Architecture(Block):
    """A model's block of params.yaml, which also builds the model."""

    epochs: Positive
    optimizer: Optimizer
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    order: Order
    # Layers of Dense(n, relu) before the forecast, and the number of epochs without a better
    # validation loss after which training stops. The reference's models have neither.
    dense: Annotated[tuple[Positive, ...], Field(strict=False)] = ()
    early_stopping: Positive | None = None
    # The forecast before training: zero, as in the reference's models, or the mean of the train
    # windows' targets, because a few epochs on a short file do not get that far.
    output_bias: Literal["zero", "train_mean"] = "zero"
    # Whether XLA compiles the training step when it runs on a CPU. It then uses a single core.
    xla_on_cpu: bool = False

    @abstractmethod
    def layers(self, keras: Any) -> list[Any]:
        """The Keras layers between the input and the forecast.

        Args:
            keras: the package, which is imported only when a model is built.
        """

    def input_length(self, sequence_length: int) -> int | None:
        """The number of steps in the model's input; None if it takes any number."""
        return sequence_length

    def build(self, sequence_length: int, features: int) -> Any:
        """A compiled Keras model: (batch, sequence_length, features) -> (batch, 1).

        The loss is the mean squared error and the metric the mean absolute error, both in the
        target's own unit.

        Raises:
            ParamsError: the window is too short for the layers.
        """
        import keras

        layers = [
            keras.Input((self.input_length(sequence_length), features)),
            *self.layers(keras),
            *(keras.layers.Dense(units, activation="relu") for units in self.dense),
            keras.layers.Dense(1, dtype="float32"),  # even in mixed precision
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
            # Keras would add it as well, but not save it with the model.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
        return model
