"""How long an epoch takes, beside the reference's code with Keras' loader: one JSON line on stdout.

Every architecture of params.yaml is trained on shuffled batches of the same made-up rows: as the
train stage does it, from our feed over the memory map, and as the reference does it, from
`timeseries_dataset_from_array` over arrays in memory. The layers are the same. Where the train
stage compiles with XLA (`xla_on_cpu`), the reference's code is also measured so, with the same
threads: the second figure is the loader's part. A contender has a process of its own. A turn is
some steps, scaled to the 819 of an epoch of the Jena series; validation is left out.

    python -m benchmarks.training > figures.json           # 15 minutes; --quick: 6
    python -m benchmarks.training --table figures.json
"""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Figures, command_line, compared, own_process, say, take_turns
from benchmarks.windows import BATCH, FEATURES, JENA, PAUSE, ROWS, SEED, Case
from jena_etl.models import NeuralNetwork, configure
from jena_etl.params import read_params
from jena_etl.training.device import use_device

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
EPOCH = 819  # batches of 256 among the 209,511 train windows
WARM_STEPS = 10  # not timed: a loader starts, and what it prefetched before is used up
LEAST_STEPS, MOST_STEPS = 20, 150
OURS, REFERENCE = "the train stage, s", "the reference's code, s"
UNDER_XLA = f"{REFERENCE}, under XLA"

Batches = Callable[[Case, str], Any]


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


class Contender:
    """An architecture and its batches, in a process of its own."""

    def __init__(
        self, architecture: NeuralNetwork, case: Case, batches: Batches, *, xla: bool
    ) -> None:
        self._process = own_process()
        self._task = partial(seconds_per_epoch, architecture, case, batches, xla)

    def __call__(self, steps: int) -> float:
        """Seconds of an epoch, from `steps` steps; the first call traces the model."""
        return self._process.submit(self._task, steps).result()

    def close(self) -> None:
        """End the process."""
        self._process.shutdown()


@cache
def compiled(architecture: NeuralNetwork, *, xla: bool) -> Any:
    """The model, once per process."""
    use_device("cpu", deterministic=True, xla_on_cpu=xla)
    import keras

    keras.utils.set_random_seed(SEED)
    model = architecture.build(JENA.sequence_length, FEATURES)
    if xla:
        model.jit_compile = True
    return model


def seconds_per_epoch(
    architecture: NeuralNetwork,
    case: Case,
    batches: Batches,
    xla: bool,  # noqa: FBT001  as it is bound
    steps: int,
) -> float:
    """From `steps` steps, without the first ones."""
    model = compiled(architecture, xla=xla)
    import keras

    ends: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())  # noqa: ARG005
    )
    model.fit(
        batches(case, architecture.order),
        steps_per_epoch=WARM_STEPS + steps,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    gc.collect()
    time.sleep(PAUSE)
    return (ends[-1] - ends[WARM_STEPS - 1]) / steps * EPOCH


def figures_of(
    name: str, architecture: NeuralNetwork, case: Case, turns: int, seconds: float
) -> Figures:
    """One architecture, turn by turn; a turn of ours takes about `seconds`."""
    xla = architecture.xla_on_cpu
    contenders = {
        OURS: Contender(architecture, case, our_batches, xla=xla),
        REFERENCE: Contender(architecture, case, reference_batches, xla=False),
    }
    if xla:
        contenders[UNDER_XLA] = Contender(architecture, case, reference_batches, xla=True)
    epoch, *_ = [contender(LEAST_STEPS) for contender in contenders.values()]
    steps = max(LEAST_STEPS, min(MOST_STEPS, round(seconds * EPOCH / epoch)))
    taken = take_turns({key: partial(one, steps) for key, one in contenders.items()}, turns)
    for contender in contenders.values():
        contender.close()
    figures = {name: compared(taken[OURS], taken[REFERENCE], "s")}
    if xla:
        figures[f"{name}, XLA for both"] = compared(taken[OURS], taken[UNDER_XLA], "s")
    return figures


def measured(quick: bool) -> tuple[str, Figures]:  # noqa: FBT001  as the command line calls it
    """Seconds per epoch of every architecture in params.yaml."""
    turns, seconds = (1, 1.0) if quick else (3, 3.0)
    params = read_params(PARAMS)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        case = Case.write(Path(folder) / "jena", ROWS, JENA)
        for name in params.architectures:
            architecture = configure(name, params.models[name])
            if not isinstance(architecture, NeuralNetwork):
                continue  # it has no epochs
            say(name)
            figures |= figures_of(name, architecture, case, turns, seconds)
    about = f"seconds per epoch of {EPOCH} batches ({BATCH}, {JENA.sequence_length}, {FEATURES})"
    return about, figures


if __name__ == "__main__":
    command_line(__doc__, measured)
