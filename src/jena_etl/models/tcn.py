"""tcn: a temporal convolutional network."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveInt

from jena_etl.models.architecture import NeuralNetwork, last_step
from jena_etl.params import Rate


class Model(NeuralNetwork):
    """Residual blocks of causal convolutions whose dilation doubles from block to block.

    The network is that of S. Bai, J. Z. Kolter and V. Koltun, An Empirical Evaluation of Generic
    Convolutional and Recurrent Networks for Sequence Modeling, 2018, with layer normalisation in
    place of weight normalisation, which Keras does not have. There are as many blocks as the
    receptive field needs to cover the window.

    Only the output of the last step becomes the forecast. A convolution with dilation d, of which
    only every d-th output is read, is a plain convolution over every d-th step, so each block works
    on half as many steps as the one before it. The outputs are those of dilated convolutions with
    the same weights; what nobody reads is not computed.
    """

    filters: PositiveInt
    kernel_size: PositiveInt
    dropout: Rate

    def layers(self, keras: Any) -> list[Any]:
        """The blocks, and the last step of what the last block gives."""
        return [lambda window: self._last_output(keras, window)]

    def blocks(self, steps: int) -> int:
        """The number of blocks whose receptive field covers `steps`.

        Two convolutions with dilation d reach back over 2 d (kernel_size - 1) steps, so n blocks
        with dilations 1, 2, 4, ... see 1 + 2 (kernel_size - 1) (2^n - 1) steps.

        Raises:
            ValueError: kernel_size is 1, so that a convolution sees a single step.
        """
        if self.kernel_size == 1:
            raise ValueError("kernel_size is 1, expected at least 2, or the model sees one step")
        count = 1
        while 1 + 2 * (self.kernel_size - 1) * (2**count - 1) < steps:
            count += 1
        return count

    def _last_output(self, keras: Any, window: Any) -> Any:
        output = self._block(keras, window)
        for _ in range(1, self.blocks(window.shape[1])):
            output = self._block(keras, _every_second_step(keras, output))
        return last_step(keras, output)

    def _block(self, keras: Any, sequence: Any) -> Any:
        learnt = sequence
        for _ in range(2):
            learnt = keras.layers.Conv1D(self.filters, self.kernel_size, padding="causal")(learnt)
            learnt = keras.layers.LayerNormalization()(learnt)
            learnt = keras.layers.Activation("relu")(learnt)
            learnt = keras.layers.SpatialDropout1D(self.dropout)(learnt)
        if sequence.shape[-1] != self.filters:
            sequence = keras.layers.Conv1D(self.filters, 1)(sequence)
        return keras.layers.Activation("relu")(keras.layers.Add()([sequence, learnt]))


def _every_second_step(keras: Any, sequence: Any) -> Any:
    """The last step, the last but two, and so on, in their order."""
    if sequence.shape[1] % 2 == 0:
        sequence = keras.layers.Cropping1D((1, 0))(sequence)
    return keras.layers.MaxPooling1D(1, strides=2)(sequence)
