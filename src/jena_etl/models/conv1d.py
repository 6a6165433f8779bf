"""conv1d: the reference's convolutional model, which cannot tell a morning from an evening."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PositiveInt

from jena_etl.models.architecture import NeuralNetwork


class Model(NeuralNetwork):
    """Conv1D(filters, size, relu) and MaxPooling1D(pool_size) in turn, then an average."""

    filters: PositiveInt
    kernel_sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]
    pool_size: PositiveInt

    def layers(self, keras: Any) -> list[Any]:
        """A convolution for each kernel size, pooling in between, and an average at the end."""
        layers: list[Any] = []
        for size in self.kernel_sizes:
            if layers:
                layers.append(keras.layers.MaxPooling1D(self.pool_size))
            layers.append(keras.layers.Conv1D(self.filters, size, activation="relu"))
        return [*layers, keras.layers.GlobalAveragePooling1D()]
