"""Chooses CPU or GPU; the only module that configures TensorFlow or JAX, Keras' backend."""

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
    """Choose the device before any computation, and return its name for the run log.

    A GPU's memory is allocated as it is needed, never the whole card at once.

    Args:
        wanted: auto (a GPU if there is one), cpu or gpu.
        deterministic: use only deterministic operations on a GPU, so that the same seed gives the
            same model; this costs speed. On a CPU they are deterministic anyway.
        cpu_threads: how many threads TensorFlow divides an operation among on a CPU. The division
            shapes how sums are rounded, so for training the number must not depend on the machine.
            None leaves it to TensorFlow.
        mixed_precision: models will be built for 16-bit arithmetic.
        xla_on_cpu: XLA will compile the training step on a CPU. It gets one thread, because the
            small operations of a compiled loop run more slowly when threads share them.

    Raises:
        DeviceError: a GPU was requested and there is none; mixed precision would be of no use; or
            the Keras backend is not installed, or is neither tensorflow nor jax.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # hides notes; warnings still show
    with _stderr_captured() as notes:
        backend = _backend()
        if backend == "tensorflow":
            threads = 1 if xla_on_cpu else cpu_threads
            gpu = _set_up_tensorflow(wanted, deterministic=deterministic, threads_on_cpu=threads)
        else:
            gpu = _set_up_jax(wanted, deterministic=deterministic)
        last_note = _last_line(notes)
    if wanted == "gpu" and not gpu:
        raise DeviceError(
            f"train.device is gpu, but Keras' backend {backend} sees no GPU. Install the GPU's "
            f"driver and the backend's CUDA build ({EXTRAS[backend]}), or set train.device: auto. "
            f"The backend's last note on starting: {last_note}"
        )
    if mixed_precision:
        _check_mixed_precision(backend, gpu)
    return f"gpu: {gpu}" if gpu else "cpu"


def versions() -> dict[str, str]:
    """The versions of Keras, NumPy and Keras' backend, by name."""
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
    except (ImportError, ValueError) as error:  # not installed, or an unknown backend
        reason = str(error).splitlines()[0]
        raise DeviceError(
            f"Keras' backend cannot be imported ({reason}); install it, or choose another: "
            "KERAS_BACKEND=tensorflow or KERAS_BACKEND=jax"
        ) from None
    backend: str = keras.config.backend()
    if backend not in EXTRAS:
        raise DeviceError(f"KERAS_BACKEND is {backend}; expected tensorflow or jax")
    return backend


def _set_up_tensorflow(
    wanted: str, *, deterministic: bool, threads_on_cpu: int | None
) -> str | None:
    """Set the backend up and return the name of the GPU it will use; None on the CPU."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        if threads_on_cpu:
            tf.config.threading.set_intra_op_parallelism_threads(threads_on_cpu)
        return None
    if deterministic:  # not on a CPU, where it would only slow tf.data down
        tf.config.experimental.enable_op_determinism()
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    details = tf.config.experimental.get_device_details(gpus[0])
    return str(details.get("device_name", "unknown"))


def _set_up_jax(wanted: str, *, deterministic: bool) -> str | None:
    """The same for JAX, which reads these settings only when first asked for its devices."""
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
            "train.mixed_precision is true, but no GPU is in use, and a CPU is slower in 16 bits "
            "than in 32; set train.mixed_precision: false"
        )
    if backend != "tensorflow":
        raise DeviceError(
            f"train.mixed_precision is true, but under KERAS_BACKEND={backend} cuDNN's LSTM takes "
            "only float32 (jax/experimental/rnn.py); set it to false, or use tensorflow"
        )


@contextmanager
def _stderr_captured() -> Iterator[IO[str]]:
    """Capture what C++ code writes to stderr during the block; show it if the block fails.

    On starting, TensorFlow notes that it found no CUDA and that oneDNN is on, before its log
    settings (TF_CPP_MIN_LOG_LEVEL) take effect.
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
