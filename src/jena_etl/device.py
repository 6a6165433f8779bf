"""CPU or GPU: the only file that sets up TensorFlow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from jena_etl.errors import DeviceError


def use_device(wanted: str) -> str:
    """Choose the device before any work and return its name, for the run log.

    A GPU's memory is taken as it is needed, never the whole card, and its operations are made
    deterministic, so that the same seed gives the same model.

    Args:
        wanted: auto (a GPU where there is one), cpu or gpu.

    Raises:
        DeviceError: a GPU was asked for and TensorFlow sees none.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no notes later on; warnings still show
    with _stderr_held() as notes:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        said = _last_line(notes)
    if wanted == "gpu" and not gpus:
        raise DeviceError(
            "train.device is gpu, but TensorFlow sees no GPU. Install its driver and the gpu extra "
            f"(uv sync --extra gpu), or set train.device: auto. TensorFlow said: {said}"
        )
    if wanted == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        return "cpu"
    # On a CPU the operations are so without it, and it would slow tf.data down.
    tf.config.experimental.enable_op_determinism()
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"gpu: {details.get('device_name', 'unknown')}"


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
