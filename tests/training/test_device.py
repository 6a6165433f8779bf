from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import DeviceError
from jena_etl.training.device import use_device, versions

# Prints what use_device says, and what came of it, where TensorFlow cannot be imported.
UNDER_JAX = """
import json, sys
sys.modules["tensorflow"] = None
from jena_etl.training.device import use_device, versions
from jena_etl.errors import DeviceError

def tried(*arguments, **options):
    try:
        return use_device(*arguments, deterministic=True, **options)
    except DeviceError as error:
        return str(error)

names = [tried("gpu"), tried("auto"), tried("auto", mixed_precision=True), tried("cpu")]
print(json.dumps([names, versions()]))
"""


@pytest.fixture
def no_gpu() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU here")


@pytest.mark.usefixtures("no_gpu")
def test_gpu_asked_for_and_absent() -> None:
    with pytest.raises(
        DeviceError, match=r"train\.device is gpu, but Keras' backend tensorflow sees no GPU"
    ):
        use_device("gpu", deterministic=True)


@pytest.mark.usefixtures("no_gpu")
def test_mixed_precision_needs_a_gpu() -> None:
    assert use_device("auto", deterministic=True) == "cpu"
    with pytest.raises(DeviceError, match=r"mixed_precision is true, but no GPU is in use"):
        use_device("auto", deterministic=True, mixed_precision=True)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_gpu_is_set_up_as_asked(monkeypatch: pytest.MonkeyPatch, *, deterministic: bool) -> None:
    """What TensorFlow is told where it sees a GPU; here it only says that it does."""
    import tensorflow as tf

    told: list[Any] = []
    experimental = tf.config.experimental
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"a {kind}"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *told_to: told.append(told_to))
    monkeypatch.setattr(experimental, "enable_op_determinism", lambda: told.append("determinism"))
    monkeypatch.setattr(experimental, "set_memory_growth", lambda *told_to: told.append(told_to))
    monkeypatch.setattr(experimental, "get_device_details", lambda gpu: {"device_name": f"{gpu} X"})
    name = use_device("gpu", deterministic=deterministic, mixed_precision=True)
    assert name == "gpu: a GPU X"
    assert told == [*(["determinism"] if deterministic else []), ("a GPU", True)]
    told.clear()
    assert use_device("cpu", deterministic=deterministic) == "cpu"
    assert told == [([], "GPU")]


@pytest.mark.parametrize(
    ("gpu", "xla", "told"), [(True, True, []), (False, True, [1]), (False, False, [3])]
)
def test_the_threads_of_an_operation_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch, *, gpu: bool, xla: bool, told: list[int]
) -> None:
    import tensorflow as tf

    threads: list[int] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind] if gpu else [])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda *_: None)
    for name in ("enable_op_determinism", "set_memory_growth"):
        monkeypatch.setattr(tf.config.experimental, name, lambda *_: None)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: {})
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", threads.append)
    use_device("auto", deterministic=True, cpu_threads=3, xla_on_cpu=xla)
    assert threads == told


def test_versions_name_the_backend_in_use() -> None:
    import keras
    import tensorflow as tf

    expected = {"keras": keras.__version__, "numpy": np.__version__, "tensorflow": tf.__version__}
    assert versions() == expected


@pytest.mark.slow
def test_under_jax_without_tensorflow() -> None:
    jax = pytest.importorskip("jax", reason="Keras' jax backend is not installed")
    if jax.default_backend() != "cpu":
        pytest.skip("there is a GPU here")
    (gpu, auto, mixed, cpu), found = json.loads(run(UNDER_JAX, "jax").stdout)
    assert "train.device is gpu, but Keras' backend jax sees no GPU" in gpu
    assert (auto, cpu) == ("cpu", "cpu")
    assert "mixed_precision is true, but no GPU is in use" in mixed
    assert set(found) == {"keras", "numpy", "jax"}
    assert found["jax"] == jax.__version__


@pytest.mark.parametrize("backend", ["tensorflow", "jaxx"])
def test_a_backend_that_is_not_there_is_named(backend: str) -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from jena_etl.training.device import use_device\n"
        "use_device('auto', deterministic=True)"
    )
    message = run(code, backend).stderr.splitlines()[-1]
    assert message.startswith("jena_etl.errors.DeviceError: Keras' backend cannot be imported (")
    assert backend in message


def run(code: str, backend: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
