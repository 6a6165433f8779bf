"""Puts the members of an ensemble into one Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def ensemble_model(
    members: Mapping[str, Any], weights: Mapping[str, float], *, steps: int, columns: int
) -> Any:
    """A model that forecasts the weighted mean of what its members forecast.

    It is made of the members and of Keras' own layers, so that its file is loaded, exported and
    shared like any other model's. A member whose weight is 0 is left out. All members read the
    steps of a window in the same order.
    """
    import keras

    window = keras.Input((steps, columns))
    used = {name: weight for name, weight in weights.items() if weight}
    forecasts = []
    for name in used:
        members[name].name = name  # Keras calls them all functional or sequential
        forecasts.append(members[name](window))
    joined = keras.layers.Concatenate(dtype="float32")(forecasts) if len(used) > 1 else forecasts[0]
    mean = keras.layers.Dense(1, use_bias=False, name="weights", dtype="float32")
    ensemble = keras.Model(window, mean(joined))
    mean.set_weights([np.array([*used.values()], np.float32)[:, np.newaxis]])
    ensemble.compile(optimizer="sgd", loss="mse", metrics=["mae"])  # never trained as a whole
    return ensemble
