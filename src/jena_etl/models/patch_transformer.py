"""patch_transformer: a small Transformer encoder on patches of the window."""

from __future__ import annotations

from typing import Any, Self

from pydantic import PositiveInt, model_validator

from jena_etl.models.architecture import NeuralNetwork
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """Patches of `patch_size` steps, then `depth` encoder layers of width `units`.

    Patches as tokens and the head, a linear layer over all of them, are those of PatchTST (Y. Nie
    et al., A Time Series is Worth 64 Words, 2023), which reads each column by itself; here a patch
    holds all columns, because one column is forecast from all. The layers normalise their input
    instead of their output, which trains without a warm-up of the learning rate (R. Xiong et al.,
    On Layer Normalization in the Transformer Architecture, 2020).
    """

    patch_size: PositiveInt
    units: PositiveInt
    heads: PositiveInt
    depth: PositiveInt
    dropout: Rate

    @model_validator(mode="after")
    def _heads_share_the_units(self) -> Self:
        if self.units % self.heads:
            raise ValueError(
                f"units is {self.units}, expected a multiple of heads, which is {self.heads}"
            )
        return self

    def layers(self, keras: Any) -> list[Any]:
        """The patches with their positions, the encoder layers, and all patches as one vector."""
        return [
            lambda window: self._with_position(
                keras, self.patches(keras, window, self.patch_size, self.units)
            ),
            *[lambda tokens: self._encoder_layer(keras, tokens)] * self.depth,
            keras.layers.LayerNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dropout(self.dropout),
        ]

    def _with_position(self, keras: Any, tokens: Any) -> Any:
        # A learnt embedding of each position: the bias, which has one vector for each token.
        shape = tuple(tokens.shape[1:])
        return keras.layers.EinsumDense("btd,de->bte", output_shape=shape, bias_axes="te")(tokens)

    def _encoder_layer(self, keras: Any, tokens: Any) -> Any:
        layers = keras.layers
        read = layers.LayerNormalization()(tokens)
        size = self.units // self.heads
        read = layers.MultiHeadAttention(self.heads, size, dropout=self.dropout)(read, read)
        tokens = layers.Add()([tokens, layers.Dropout(self.dropout)(read)])
        read = layers.LayerNormalization()(tokens)
        read = layers.Dense(2 * self.units, activation="relu")(read)
        read = layers.Dense(self.units)(read)
        return layers.Add()([tokens, layers.Dropout(self.dropout)(read)])
