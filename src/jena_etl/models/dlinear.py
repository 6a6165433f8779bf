"""dlinear: a linear model of a moving average and of what is left without it."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """A moving average of `kernel_size` steps and the remainder, with a linear layer for each.

    The DLinear of A. Zeng et al., Are Transformers Effective for Time Series Forecasting?, 2023,
    which forecasts each column from its own past; here one column is forecast from the past of all.
    The paper's moving average repeats the first and the last step where it reaches beyond the
    window; this one averages the steps that are there.
    """

    kernel_size: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """Both parts, as one vector: a linear layer of it is the sum of one for each."""
        return [lambda window: self._parts(keras, window), keras.layers.Flatten()]

    def _parts(self, keras: Any, window: Any) -> Any:
        average = keras.layers.AveragePooling1D(self.kernel_size, strides=1, padding="same")(window)
        return keras.layers.Concatenate()([average, keras.layers.Subtract()([window, average])])
