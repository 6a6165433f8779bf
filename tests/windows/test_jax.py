"""Keras' other backend trains from the same windows, without TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TRAIN = """
import sys
import numpy as np, keras
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.windows import Windows

rows = np.random.default_rng(0).standard_normal((1, 600, 3)).astype(np.float32)
windows = Windows(rows, rows[0, :, 0], WindowSpec(sequence_length=5), WindowIndex([range(500)]))
seen = []
class Recorder(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        seen.append(dataset.epoch)
for layer in (keras.layers.Flatten(), keras.layers.LSTM(2)):
    dataset = windows.keras_dataset(64, shuffle=True, seed=0)
    model = keras.Sequential([keras.Input((5, 3)), layer, keras.layers.Dense(1)])
    model.compile("rmsprop", "mse")
    losses = model.fit(dataset, epochs=3, verbose=0, shuffle=False, callbacks=[Recorder()])
    assert losses.history["loss"][-1] < losses.history["loss"][0]
print(keras.backend.backend(), seen, "tensorflow" in sys.modules)
"""


def test_jax_trains_from_the_same_windows() -> None:
    pytest.importorskip("jax", reason="Keras' jax backend is not installed")
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "jax [0, 1, 2, 0, 1, 2] False"
