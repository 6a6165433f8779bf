"""CPU or GPU: the only file that sets up TensorFlow or JAX, whichever Keras computes with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import IO

import numpy as np

from jena_etl.errors import DeviceError

EXTRAS = {"tensorflow": "uv sync --extra gpu", "jax": "pip install 'jax[cuda12]'"}


def use_device(
    wanted: str,
    *,
    deterministic: bool,
    cpu_threads: int | None = None,
    mixed_precision: bool = False,
    xla_on_cpu: bool = False,
) -> str:
    """Choose the device before any work and return its name, for the run log.

    A GPU's memory is taken as it is needed, never the whole card.

    Args:
        wanted: auto (a GPU where there is one), cpu or gpu.
        deterministic: make a GPU's operations so, that the same seed gives the same model; it
            costs speed. On a CPU they are so anyway.
        cpu_threads: into how many parts TensorFlow divides an operation on a CPU. The parts shape
            the sums, so where models are trained their number must not follow from the machine;
            None lets it.
        mixed_precision: models will be built for 16-bit arithmetic.
        xla_on_cpu: on a CPU, XLA will compile the training step; what it makes of a loop's small
            operations takes longer when several threads share it, so it gets one.

    Raises:
        DeviceError: a GPU was asked for and there is none; mixed precision where it is no use;
            a Keras backend that is not installed, or neither tensorflow nor jax.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no notes later on; warnings still show
    with _stderr_held() as notes:
        backend = _backend()
        set_up = _set_up_tensorflow if backend == "tensorflow" else _set_up_jax
        gpu = set_up(wanted, deterministic=deterministic)
        if not gpu and backend == "tensorflow" and (threads := 1 if xla_on_cpu else cpu_threads):
            _set_threads_of_an_operation(threads)
        last_note = _last_line(notes)
    if wanted == "gpu" and not gpu:
        raise DeviceError(
            f"train.device is gpu, but Keras' backend {backend} sees no GPU. Install its driver "
            f"and the backend's CUDA build ({EXTRAS[backend]}), or set train.device: auto. "
            f"On starting it said: {last_note}"
        )
    if mixed_precision:
        _check_mixed_precision(backend, gpu)
    return f"gpu: {gpu}" if gpu else "cpu"


def versions() -> dict[str, str]:
    """What a run computes with: Keras, NumPy and Keras' backend."""
    import keras

    backend = keras.config.backend()
    return {
        "keras": keras.__version__,
        "numpy": np.__version__,
        backend: import_module(backend).__version__,
    }


def _backend() -> str:
    try:
        import keras
    except (ImportError, ValueError) as error:  # not installed; no backend of that name
        reason = str(error).splitlines()[0]
        raise DeviceError(
            f"Keras' backend cannot be imported ({reason}); install it, or choose another: "
            "KERAS_BACKEND=tensorflow or KERAS_BACKEND=jax"
        ) from None
    backend: str = keras.config.backend()
    if backend not in EXTRAS:
        raise DeviceError(f"KERAS_BACKEND is {backend}; expected tensorflow or jax")
    return backend


def _set_up_tensorflow(wanted: str, *, deterministic: bool) -> str | None:
    """The name of the GPU that will be used, None on the CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        return None
    if deterministic:  # not on a CPU, where it would only slow tf.data down
        tf.config.experimental.enable_op_determinism()
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "unknown"))


def _set_threads_of_an_operation(number: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(number)


def _set_up_jax(wanted: str, *, deterministic: bool) -> str | None:
    """The same. JAX reads all of it when it is first asked for its devices, and not again."""
    import jax

    if wanted == "cpu":
        jax.config.update("jax_platforms", "cpu")  # type: ignore[no-untyped-call]
        return None
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    if deterministic:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
    device = jax.devices()[0]
    return str(device.device_kind) if device.platform == "gpu" else None


def _check_mixed_precision(backend: str, gpu: str | None) -> None:
    if not gpu:
        raise DeviceError(
            "train.mixed_precision is true, but there is no GPU in use, and a CPU is slower in 16 "
            "bits than in 32; set train.mixed_precision: false"
        )
    if backend != "tensorflow":
        raise DeviceError(
            f"train.mixed_precision is true, but under KERAS_BACKEND={backend} cuDNN's LSTM takes "
            "float32 alone (jax/experimental/rnn.py); set it to false, or use tensorflow"
        )


@contextmanager
def _stderr_held() -> Iterator[IO[str]]:
    """Keep what the block's C++ code writes to stderr; let it out if the block fails.

    TensorFlow notes on start-up that it found no CUDA and that oneDNN is on, before any of its
    settings for logs (TF_CPP_MIN_LOG_LEVEL) is in force.
    """
    stderr = os.dup(2)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield notes
        except BaseException:
            notes.seek(0)
            os.write(stderr, notes.read().encode())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _last_line(notes: IO[str]) -> str:
    notes.seek(0)
    lines = notes.read().splitlines()
    return lines[-1].partition("] ")[2] if lines else "nothing"
