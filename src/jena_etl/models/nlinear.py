"""nlinear: a linear model of how each column differs from its last value."""

from __future__ import annotations

from typing import Any, Self

from pydantic import model_validator

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """Subtract from every column its last value, then one linear layer over all steps and columns.

    The NLinear of A. Zeng et al., Are Transformers Effective for Time Series Forecasting?, 2023,
    which forecasts each column from its own past; here one column is forecast from the past of all.
    Because the last value is subtracted before the layer and added to its output, the model does
    not depend on the level of the series, which may drift.
    """

    @model_validator(mode="after")
    def _adds_the_last_value_again(self) -> Self:
        if self.target_as != "change":
            raise ValueError("nlinear forecasts the change since the last value; expected change")
        return self

    def layers(self, keras: Any) -> list[Any]:
        """The differences, as one vector for the linear layer of the forecast."""
        return [lambda window: self._differences(keras, window), keras.layers.Flatten()]

    def _differences(self, keras: Any, window: Any) -> Any:
        last = self.without_oldest(keras, window, window.shape[1] - 1)
        return keras.layers.Subtract()([window, last])  # of shape (batch, 1, features), broadcast
