"""What every architecture has in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from jena_etl.errors import ParamsError
from jena_etl.params import Order
from jena_etl.params_check import Block

if TYPE_CHECKING:
    from jena_etl.windows.split_windows import SplitWindows

Optimizer = Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# The name of the layer that finds the target's last observation in a window; it is not trained.
LAST_OBSERVATION = "last_observation"


class Architecture(Block):
    """A model's block of params.yaml, which also builds the model."""

    order: Order
    # What the trained layers give: the target itself, as in the reference's models, or its change
    # since the last observation in the window. The model's output is the target in either case.
    target_as: Literal["value", "change"] = "value"
    any_length: ClassVar[bool] = False  # whether the model's input may have any number of steps

    @abstractmethod
    def layers(self, keras: Any) -> list[Any]:
        """What lies between the input and the forecast, in order.

        Each entry is a Keras layer, or a function that applies several of Keras' own layers to a
        tensor, such as a residual block. A function may raise ValueError to refuse the window.

        Args:
            keras: the package, which is imported only when a model is built.
        """

    @abstractmethod
    def compile_options(self, keras: Any) -> dict[str, Any]:
        """What `model.compile` is given besides the metric."""

    def last_layers(self, keras: Any) -> list[Any]:
        """What turns that into the forecast: one number, of 32 bits even in mixed precision."""
        return [keras.layers.Dense(1, dtype="float32")]

    def build(self, sequence_length: int, features: int) -> Any:
        """A compiled Keras model: (batch, sequence_length, features) -> (batch, 1).

        The output is the target in its own unit, and so are the loss (squared, for mse) and the
        metric, the mean absolute error. With `target_as: change`, the layer `last_observation` has
        yet to be given its weights.

        Raises:
            ParamsError: the window is too short for the layers.
        """
        import keras

        try:
            layers = [*self.layers(keras), *self.last_layers(keras)]
            if self.target_as == "change":
                model = self._with_last_observation(layers, sequence_length, features)
            else:
                window = keras.Input((None if self.any_length else sequence_length, features))
                if all(isinstance(layer, keras.Layer) for layer in layers):
                    model = keras.Sequential([window, *layers])
                else:
                    model = keras.Model(window, _applied(layers, window))
        except ValueError as error:
            name = type(self).__module__.rpartition(".")[2]
            raise ParamsError(
                f"models.{name} cannot be built for window.sequence_length {sequence_length}: "
                f"{str(error).splitlines()[0]}"
            ) from error
        model.compile(**self.compile_options(keras), metrics=["mae"])
        return model

    def _with_last_observation(self, layers: list[Any], steps: int, features: int) -> Any:
        """A model that adds the target's last observation to what `layers` give."""
        import keras

        window = keras.Input((steps, features))
        change = _applied(layers, window)
        last = keras.layers.Flatten()(self.without_oldest(keras, window, steps - 1))
        # Made of Keras' own layers, so that the model's file can be loaded without this package.
        observation = keras.layers.Dense(
            1, name=LAST_OBSERVATION, trainable=False, dtype="float32"
        )(last)
        return keras.Model(window, keras.layers.Add(dtype="float32")([change, observation]))

    def without_oldest(self, keras: Any, window: Any, steps: int) -> Any:
        """The window without its oldest `steps`."""
        cropping = (steps, 0) if self.order == "forward" else (0, steps)
        return keras.layers.Cropping1D(cropping)(window)


class FittedAtOnce(Architecture):
    """An architecture that is fitted to all train windows at once, not epoch by epoch."""

    # What may help if the last of the choices that were tried was the best.
    more: ClassVar[str]

    @abstractmethod
    def fit(
        self,
        build: Callable[[Architecture], Any],
        windows: Mapping[str, SplitWindows],
        *,
        seed: int,
    ) -> tuple[Any, list[list[float]]]:
        """Fit the model to the train windows, and choose by the validation windows.

        Args:
            build: builds the Keras model of an architecture for these windows.
            windows: those of train and validation.
            seed: the seed of whatever is drawn at random.

        Returns:
            The Keras model with the weights of the best choice; and loss and MAE on train, then on
            validation, of every choice that was tried.
        """

    def compile_options(self, keras: Any) -> dict[str, Any]:  # noqa: ARG002  needs nothing of it
        """Keras wants a loss and an optimizer, although they do not train the model."""
        return {"optimizer": "sgd", "loss": "mse"}  # sgd keeps no state that a file lacks

    def goals(self, windows: SplitWindows) -> np.ndarray:
        """What the layers have to give for each window, float64 of shape (windows,)."""
        goals: np.ndarray = windows.observations().astype(np.float64)
        if self.target_as == "change":
            goals -= windows.last_observations()
        return goals


class NeuralNetwork(Architecture):
    """An architecture that is trained epoch by epoch."""

    epochs: PositiveInt
    optimizer: Optimizer
    learning_rate: Positive
    # Layers of Dense(n, relu) before the forecast, and the number of epochs without a better
    # validation loss after which training stops. The reference's models have neither.
    dense: Annotated[tuple[PositiveInt, ...], Field(strict=False)] = ()
    early_stopping: PositiveInt | None = None
    # The forecast before training: zero, as in the reference's models, or the mean of the train
    # windows' targets, because a few epochs on a short file do not get that far.
    output_bias: Literal["zero", "train_mean"] = "zero"
    # Whether XLA compiles the training step when it runs on a CPU. It then uses a single core.
    xla_on_cpu: bool = False
    loss: Literal["mse", "mae", "huber"] = "mse"
    learning_rate_schedule: Literal["constant", "cosine"] = "constant"
    # As Keras' optimizers call them; None leaves them at the optimizer's default.
    weight_decay: NotNegative | None = None
    global_clipnorm: Positive | None = None

    @model_validator(mode="after")
    def _bias_suits_the_target(self) -> Self:
        if (self.target_as, self.output_bias) == ("change", "train_mean"):
            raise ValueError(
                "output_bias: train_mean starts the forecast at the mean temperature, but with "
                "target_as: change it starts at the last observation; remove output_bias"
            )
        return self

    def learning_rate_in(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0.

        The cosine schedule lowers it along half a cosine, towards zero after the last epoch
        (I. Loshchilov and F. Hutter, SGDR, 2017, without its restarts).
        """
        if self.learning_rate_schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2

    def last_layers(self, keras: Any) -> list[Any]:
        """The hidden layers of `dense`, and the forecast."""
        hidden = [keras.layers.Dense(units, activation="relu") for units in self.dense]
        return [*hidden, *super().last_layers(keras)]

    def compile_options(self, keras: Any) -> dict[str, Any]:
        """The optimizer and the loss."""
        options = {"learning_rate", "weight_decay", "global_clipnorm"}
        config = self.model_dump(include=options, exclude_none=True)
        optimizer = keras.optimizers.get({"class_name": self.optimizer, "config": config})
        if keras.config.dtype_policy().name == "mixed_float16":
            # Keras would add it as well, but not save it with the model.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        return {"optimizer": optimizer, "loss": self.loss}

    def patches(self, keras: Any, window: Any, size: int, filters: int) -> Any:
        """One vector for every `size` consecutive steps: (batch, steps // size, filters).

        The patches end with the latest step; the oldest steps, which fill no patch, are left out.
        As in A. Dosovitskiy et al., An Image is Worth 16x16 Words, 2021, a patch is embedded by a
        convolution whose stride is its size.

        Raises:
            ValueError: the window is shorter than a patch.
        """
        steps = window.shape[1]
        if size > steps:
            raise ValueError(f"patch_size is {size}, expected at most the window's {steps} steps")
        if left_out := steps % size:
            window = self.without_oldest(keras, window, left_out)
        return keras.layers.Conv1D(filters, size, strides=size)(window)


def last_step(keras: Any, sequence: Any) -> Any:
    """The last step of a sequence: (batch, steps, features) -> (batch, features)."""
    return keras.layers.Flatten()(keras.layers.Cropping1D((sequence.shape[1] - 1, 0))(sequence))


def _applied(layers: list[Any], window: Any) -> Any:
    output = window
    for layer in layers:
        output = layer(output)
    return output
