"""How long an epoch takes, beside the reference's code with Keras' loader: one JSON line on stdout.

Every architecture of params.yaml is trained, as it stands there, on shuffled batches of the same
made-up rows: from our feed over the memory map, and from `timeseries_dataset_from_array` over
arrays in memory, as the reference does. The model is the same; the loader is all that differs.
A turn is some steps, scaled to the 819 of an epoch of the Jena series; validation is left out.

    python -m benchmarks.training > figures.json           # 10 minutes; --quick: 4
    python -m benchmarks.training --table figures.json
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Figures, command_line, compared, say, take_turns
from benchmarks.windows import BATCH, FEATURES, JENA, PAUSE, ROWS, SEED, Case
from jena_etl.models import Architecture, configure
from jena_etl.params import read_params

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
EPOCH = 819  # batches of 256 among the 209,511 train windows
WARM_STEPS = 10  # not timed: a loader starts, and what it prefetched before is used up
LEAST_STEPS, MOST_STEPS = 20, 150
OURS, REFERENCE = "with our feed, s", "with Keras' loader, s"


def our_batches(case: Case, order: str) -> Any:
    """The project feed, streaming from the memory map."""
    return case.windows().dataset(BATCH, shuffle=True, seed=SEED, order=order)


def reference_batches(case: Case, order: str) -> Any:
    """Keras' loader; windows are reversed as the reference does it."""
    import keras
    import tensorflow as tf

    dataset = keras.utils.timeseries_dataset_from_array(**case.keras_arguments(shuffle=True))
    if order == "reversed":
        dataset = dataset.map(lambda inputs, targets: (inputs[:, ::-1], targets))
    # Its batches do not tell their length, without which Keras unrolls no layer.
    shape = (None, JENA.sequence_length, FEATURES)
    return dataset.map(lambda inputs, targets: (tf.ensure_shape(inputs, shape), targets))


def seconds_per_epoch(model: Any, batches: Any, steps: int) -> float:
    """From `steps` steps, without the first ones."""
    import keras

    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())  # noqa: ARG005
    )
    model.fit(
        batches, steps_per_epoch=WARM_STEPS + steps, shuffle=False, verbose=0, callbacks=[clock]
    )
    gc.collect()
    time.sleep(PAUSE)
    return (ends[-1] - ends[WARM_STEPS - 1]) / steps * EPOCH


def figure(case: Case, architecture: Architecture, turns: int, seconds: float) -> dict[str, Any]:
    """One architecture, turn by turn; a turn of ours takes about `seconds`."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(SEED)
    model = architecture.build(JENA.sequence_length, FEATURES)
    order = architecture.order

    def measure(batches: Callable[[Case, str], Any], steps: int) -> float:
        return seconds_per_epoch(model, batches(case, order), steps)

    measures = {OURS: partial(measure, our_batches), REFERENCE: partial(measure, reference_batches)}
    # The first of each traces the model.
    epoch, _ = [one(LEAST_STEPS) for one in measures.values()]
    steps = max(LEAST_STEPS, min(MOST_STEPS, round(seconds * EPOCH / epoch)))
    taken = take_turns({name: partial(one, steps) for name, one in measures.items()}, turns)
    return compared(taken[OURS], taken[REFERENCE], "s")


def measured(quick: bool) -> tuple[str, Figures]:  # noqa: FBT001  as the command line calls it
    """Seconds per epoch of every architecture in params.yaml."""
    turns, seconds = (1, 1.0) if quick else (3, 3.0)
    params = read_params(PARAMS)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        case = Case.write(Path(folder) / "jena", ROWS, JENA)
        for name in params.architectures:
            say(name)
            architecture = configure(name, params.models[name])
            figures[name] = figure(case, architecture, turns, seconds)
    about = f"seconds per epoch of {EPOCH} batches ({BATCH}, {JENA.sequence_length}, {FEATURES})"
    return about, figures


if __name__ == "__main__":
    command_line(__doc__, measured)
