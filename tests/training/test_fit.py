from __future__ import annotations

import csv
import io
import math
import os
import subprocess
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import TrainingError
from jena_etl.evaluation.predictions import forecast
from jena_etl.models import configure
from jena_etl.training.fit import seeded_model, train
from jena_etl.training.model_file import load_model, write_model
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows
from tests.training.tasks import task
from tests.warm_python import warm_python

SMALL = {"epochs": 3, "optimizer": "rmsprop", "learning_rate": 0.01, "order": "forward", "units": 4}
TASK = task("a", "b")


def windows(first: int, last: int) -> SeriesWindows:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((200, 2)).astype(np.float32)
    spec = WindowSpec(sequence_length=5)
    return SeriesWindows(rows[np.newaxis], rows[:, 0] + 3, spec, WindowIndex([range(first, last)]))


def fitted(
    name: str = "dense", *, targets: np.ndarray | None = None, xla: bool = False, **block: Any
) -> tuple[Any, str]:
    architecture: Any = configure(name, {**SMALL, **block})
    part, held_out = windows(0, 100), windows(120, 180)
    if targets is not None:
        part.targets[:] = targets
    model = seeded_model(architecture, part, TASK, seed=1)
    history = train(
        model,
        lambda epoch: part.dataset(16, shuffle=True, seed=1, epoch=epoch),
        held_out.dataset(16),
        epochs=architecture.epochs,
        patience=architecture.early_stopping,
        learning_rate=architecture.learning_rate_in,
        xla=xla,
    )
    return model, history


@pytest.mark.nightly
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_the_checkpoint_goes_on_where_a_kill_cut_off(tmp_path: Path, backend: str) -> None:
    """The same bytes, with dropout's seeds, the optimizer and the shuffle all under way."""
    if not find_spec(backend):
        pytest.skip(f"Keras' backend {backend} is not installed")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        # What is compiled for one of the three trainings serves the others.
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    for end in (9, 0):  # the second process resumes what is left of the first one's
        command = [str(warm_python()), "-c", TRAINING, str(tmp_path)]
        assert subprocess.run(command, env=environment, check=False).returncode == end
    whole, cut = (
        [(tmp_path / name / file).read_bytes() for file in ("model.keras", "history.csv")]
        for name in ("whole", "cut")
    )
    assert whole == cut


TRAINING = """
import os, sys
from pathlib import Path

if os.environ["KERAS_BACKEND"] == "tensorflow":
    sys.modules["jax"] = None  # TensorFlow would import it
import numpy as np
from jena_etl.training import checkpoint
from jena_etl.training.model_file import write_model
from jena_etl.models import configure
from jena_etl.training.device import use_device
from jena_etl.training.fit import seeded_model, train
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows
from tests.training.tasks import task

use_device("cpu", deterministic=True, cpu_threads=1)
rows = np.random.default_rng(0).standard_normal((1, 300, 2)).astype(np.float32)
spec = WindowSpec(sequence_length=5)
part, held_out = (
    SeriesWindows(rows, rows[0, :, 0], spec, WindowIndex([run]))
    for run in (range(200), range(210, 290))
)
block = dict(epochs=4, optimizer="adam", learning_rate=0.01, order="forward", units=3)
architecture = configure("lstm_dropout", block | dict(recurrent_dropout=0.3, dropout=0.5))
save = checkpoint.save

def save_then_die(path, progress):
    save(path, progress)
    if progress.epochs == 2:
        os._exit(9)

def run(folder):
    model = seeded_model(architecture, part, task("a", "b"), seed=1)
    history = train(
        model,
        lambda epoch: part.for_model(32, shuffle=True, seed=1, epoch=epoch),
        held_out.for_model(32),
        epochs=4,
        checkpoint_file=folder / "checkpoint.npz",
    )
    path = folder / "model.keras"
    write_model(model, path, task("a", "b"), architecture="lstm_dropout", order="forward")
    (folder / "history.csv").write_text(history)

whole, cut = (Path(sys.argv[1]) / name for name in ("whole", "cut"))
if not cut.exists():
    whole.mkdir()
    run(whole)
    cut.mkdir()
    checkpoint.save = save_then_die
run(cut)
"""


@pytest.mark.slow
def test_xla_gives_the_same_model_to_rounding_and_the_same_file(tmp_path: Path) -> None:
    """A file that asked for XLA would not open where cuDNN is used: XLA cannot compile it."""
    models = [fitted(xla=xla)[0] for xla in (False, True)]
    plain, compiled = (model.get_weights() for model in models)
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert [model.jit_compile for model in models] == [False, True]
    configs = []
    for number, model in enumerate(models):
        file = tmp_path / f"{number}.keras"
        write_model(model, file, task("a", "b"), architecture="dense", order="forward")
        with zipfile.ZipFile(file) as archive:
            configs.append(archive.read("config.json"))
    assert configs[0] == configs[1]


@pytest.mark.slow
def test_early_stopping_waits_as_long_as_it_is_told() -> None:
    _, history = fitted(epochs=30, learning_rate=0.3, early_stopping=2)
    losses = [float(row["val_loss"]) for row in csv.DictReader(io.StringIO(history))]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 2 < 30


HINT = "the validation loss was still falling in the last epoch (5); more epochs may help\n"


def test_the_model_is_left_at_its_best_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    # So fast that the loss goes up again.
    model, history = fitted(epochs=5, learning_rate=0.3)
    assert HINT not in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(history)))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5"]
    losses = [float(row["val_loss"]) for row in rows]
    assert min(losses) < losses[-1]
    held_out = windows(120, 180)
    error = model.predict(held_out.dataset(16), verbose=0)[:, 0]
    error -= held_out.targets[held_out.target_rows()]
    assert math.isclose(float((error**2).mean()), min(losses), rel_tol=1e-4)


def test_the_forecast_starts_at_zero_or_at_the_mean_of_the_train_windows() -> None:
    """A window of 5 rows that starts in rows 0 to 99 has its target in rows 5 to 104."""
    part = windows(0, 100)
    mean = sum(map(float, part.targets[5:105])) / 100
    for block, expected in (({}, 0.0), ({"output_bias": "train_mean"}, mean)):
        model = seeded_model(configure("dense", {**SMALL, **block}), part, TASK, seed=1)
        assert float(model.layers[-1].bias.numpy()[0]) == pytest.approx(expected, rel=1e-6)
        nothing = model(np.zeros((1, 5, 2), np.float32)).numpy()
        assert nothing == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["forward", "reversed"])
def test_a_model_of_the_change_starts_at_the_last_observation(tmp_path: Path, order: str) -> None:
    """The target is column b, with mean 1 and std 2; windows hold (value - mean) / std."""
    import keras

    of_b = TASK.model_copy(update={"target": "b"})
    block = {**SMALL, "target_as": "change", "order": order}
    part = windows(0, 100)
    model = seeded_model(configure("dense", block), part, of_b, seed=1)
    trained = model.layers[-3]
    assert [w.shape for w in model.trainable_weights] == [(10, 4), (4,), (4, 1), (1,)]
    features = np.random.default_rng(1).standard_normal((6, 5, 2)).astype(np.float32)
    last = features[:, -1 if order == "forward" else 0, 1] * 2 + 1
    change = keras.Model(model.input, trained.output)(features).numpy()
    assert np.abs(change).max() > 0.1  # weights are random
    np.testing.assert_allclose(model(features).numpy()[:, 0], last + change[:, 0], rtol=1e-5)

    before = model.get_layer("last_observation").get_weights()
    train(model, lambda epoch: part.dataset(16, epoch=epoch), part.dataset(16), epochs=1)
    for weights, ours in zip(
        model.get_layer("last_observation").get_weights(), before, strict=True
    ):
        np.testing.assert_array_equal(weights, ours)
    path = tmp_path / "models/dense.keras"
    write_model(model, path, of_b, architecture="dense", order=configure("dense", block).order)
    again = load_model(path, architecture="dense")
    np.testing.assert_array_equal(again(features).numpy(), model(features).numpy())


@pytest.mark.slow
def test_the_cosine_schedule_lowers_the_learning_rate_each_epoch() -> None:
    """Half a cosine over three epochs: 1, 3/4 and 1/4 of the learning rate."""
    used: list[float] = []
    architecture: Any = configure("dense", {**SMALL, "learning_rate_schedule": "cosine"})
    part = windows(0, 96)
    model = seeded_model(architecture, part, TASK, seed=1)

    def batches(epoch: int) -> Any:
        return part.dataset(16, epoch=epoch)

    def noted(epoch: int) -> float:
        used.append(architecture.learning_rate_in(epoch))
        return used[-1]

    train(model, batches, part.dataset(16), epochs=3, learning_rate=noted)
    assert used == pytest.approx([0.01, 0.0075, 0.0025])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0025)


def test_a_loss_still_falling_at_the_end_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    _, history = fitted(epochs=5, learning_rate=0.001)
    losses = [float(row["val_loss"]) for row in csv.DictReader(io.StringIO(history))]
    assert min(losses) == losses[-1]
    assert HINT in capsys.readouterr().out


def test_a_loss_that_is_no_number_stops_with_the_epoch() -> None:
    with pytest.raises(
        TrainingError, match=r"loss is (nan|inf) after epoch 1; no model was written"
    ):
        fitted(targets=np.full(200, np.nan, dtype=np.float32))


@pytest.mark.slow
def test_mixed_precision_leaves_weights_forecast_and_loss_in_32_bits(tmp_path: Path) -> None:
    """Built, trained, written and loaded on the CPU, where the train stage would refuse it."""
    import keras

    part, held_out = windows(0, 96), windows(120, 184)
    block = {**SMALL, "recurrent_dropout": 0.3, "dropout": 0.5}
    lstm = configure("lstm_dropout", block)
    model = seeded_model(lstm, part, TASK, seed=1, mixed_precision=True)
    assert keras.config.dtype_policy().name == "float32"  # as before: of this model alone
    assert [layer.compute_dtype for layer in model.layers] == ["float16", "float16", "float32"]
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert keras.backend.standardize_dtype(model.outputs[0].dtype) == "float32"
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"

    train(model, lambda epoch: part.for_model(16, epoch=epoch), held_out.for_model(16), epochs=3)
    path = tmp_path / "models/lstm_dropout.keras"
    write_model(model, path, task("a", "b"), architecture="lstm_dropout", order="forward")
    again = load_model(path, architecture="lstm_dropout")
    assert [layer.compute_dtype for layer in again.layers] == ["float16", "float16", "float32"]
    pairs = zip(
        [*model.weights, *model.optimizer.variables],
        [*again.weights, *again.optimizer.variables],
        strict=True,
    )
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    forecasts = forecast(again, held_out, batch_size=16, order="forward")
    assert forecasts.dtype == np.float32
    # 16 bits show: the same weights in 32 bits forecast something a little else.
    whole = seeded_model(lstm, part, TASK, seed=1)
    whole.set_weights(again.get_weights())
    exact = forecast(whole, held_out, batch_size=16, order="forward")
    assert 0 < np.abs(forecasts - exact).max() < 0.01
