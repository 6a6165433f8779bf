"""CPU or GPU: the only file that sets up TensorFlow."""

from __future__ import annotations

import os

from jena_etl.errors import DeviceError


def use_device(wanted: str) -> str:
    """Choose the device before any work and return its name, for the run log.

    A GPU's memory is taken as it is needed, never the whole card. Every operation is made
    deterministic, so that the same seed gives the same model.

    Args:
        wanted: auto (a GPU where there is one), cpu or gpu.

    Raises:
        DeviceError: a GPU was asked for and TensorFlow sees none.
    """
    # TensorFlow's start-up notes say nothing a user can act on; its errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if wanted == "gpu" and not gpus:
        raise DeviceError(
            "train.device is gpu, but TensorFlow sees no GPU. Install the driver and the extra "
            "(uv sync --extra gpu), or set train.device: auto in params.yaml"
        )
    tf.config.experimental.enable_op_determinism()
    if wanted == "cpu" or not gpus:
        tf.config.set_visible_devices([], "GPU")
        return "cpu"
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"gpu: {details.get('device_name', 'unknown')}"
