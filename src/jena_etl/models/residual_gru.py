"""residual_gru: GRU layers with gated residual connections, on patches of the window."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork, last_step
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """Patches of `patch_size` steps, then `depth` gated residual GRU(units) layers.

    Around each GRU there is the gated skip connection of B. Lim et al., Temporal Fusion
    Transformers for Interpretable Multi-horizon Time Series Forecasting, 2021, equations 2 to 5 and
    17: what the layer adds to its input passes through a gated linear unit, and the sum is
    normalised. The gate lets training leave a layer out where it does not help. A recurrent layer
    costs time for every step that it reads, so the patches make the model `patch_size` times as
    fast; with patch_size 1 the GRU reads every step.
    """

    patch_size: PositiveInt
    units: PositiveInt
    depth: PositiveInt
    dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """The patches, the blocks, and the last step of what the last block gives."""
        return [
            lambda window: self.patches(keras, window, self.patch_size, self.units),
            *[lambda sequence: self._block(keras, sequence)] * (self.depth - 1),
            lambda sequence: self._block(keras, sequence, return_sequences=False),
        ]

    def _block(self, keras: Any, sequence: Any, *, return_sequences: bool = True) -> Any:
        learnt = keras.layers.GRU(self.units, return_sequences=return_sequences)(sequence)
        learnt = keras.layers.Dropout(self.dropout)(learnt)
        gate = keras.layers.Dense(self.units, activation="sigmoid")(learnt)
        gated = keras.layers.Multiply()([gate, keras.layers.Dense(self.units)(learnt)])
        skipped = sequence if return_sequences else last_step(keras, sequence)
        return keras.layers.LayerNormalization()(keras.layers.Add()([skipped, gated]))
