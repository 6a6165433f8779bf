"""Joins a Ray cluster, or starts one on this machine, and keeps Ray's own messages to itself."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from jena_etl.errors import DeviceError, SweepError

# Ray's store of objects holds the files of a finished training, and these are small.
OBJECT_STORE_BYTES = 100 * 1024**2
STARTS = 3  # Ray gives up after half a minute, which may be too short for a busy machine
# Before Ray is imported: no usage statistics, no advice on its own settings.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the older way to report, which can be silent
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the sweep at once; the store has it all
}


@dataclass(frozen=True, kw_only=True)
class RayCluster:
    """Where trainings run, and what each of them is counted with.

    Attributes:
        address: HOST:PORT of a Ray cluster of which this machine is a node; None starts one on this
            machine alone.
        cpus: the cores for each training. It may use more of them, as train.cpu_threads says.
        gpus: the share of a GPU for each training, where there is one.
    """

    address: str | None
    cpus: float
    gpus: float


def check_packages() -> None:
    """Refuse to go on without the packages of the extra `ray`.

    Raises:
        SweepError: one is not installed.
    """
    missing = [name for name in ("ray", "optuna") if find_spec(name) is None]
    if missing:
        raise SweepError(
            f"a sweep needs the package {' and '.join(missing)}, which is not installed; "
            "install the extra: uv sync --extra ray, or pip install 'jena-etl[ray]'"
        )


@contextmanager
def joined(cluster: RayCluster) -> Iterator[Any]:
    """The package `ray`, connected to a cluster while the block runs.

    A cluster on this machine alone ends with the block, or with this process.

    Raises:
        SweepError: there is no cluster at the address, or Ctrl-C.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own code
        _connect(ray, cluster.address)
    try:
        yield ray
    except KeyboardInterrupt:
        raise SweepError("stopped; the same command goes on where this one was") from None
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    """Join the cluster at the address, or start one here."""
    # "local" starts a new one, even where RAY_ADDRESS names another.
    new = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    where = {"address": address} if address else {"address": "local", **new}
    reason = ""
    for _ in range(1 if address else STARTS):
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # noqa: BLE001  Ray raises a dozen kinds of error
            reason = f"{' '.join(str(error).split()):.200}"
            ray.shutdown()
        else:
            return
    if address:
        raise SweepError(
            f"no Ray cluster answers at {address} ({reason}); on its first node, type ray start "
            "--head, and on this one: ray start --address HOST:PORT"
        )
    raise SweepError(
        f"Ray did not start on this machine ({reason}); it may be too busy or short of memory; try "
        "the same command again, or train without Ray: dvc repro"
    )


def room_for_each(ray: Any, cluster: RayCluster, device: str) -> dict[str, float]:
    """What each training asks Ray for: a share of a GPU only where there is one, and it is wanted.

    Raises:
        DeviceError: `device`, which is train.device, is gpu, and no node has one.
        SweepError: no node has as many cores.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = max(node.get("CPU", 0) for node in nodes)
    if cluster.cpus > most:
        raise SweepError(
            f"--cpus-per-trial is {cluster.cpus:g}, but no node has more than {most:g} cores"
        )
    has_gpu = any(node.get("GPU", 0) for node in nodes)
    if device == "gpu" and not has_gpu:
        raise DeviceError(
            "train.device is gpu, but no node of the Ray cluster has one; set train.device: auto"
        )
    return {
        "num_cpus": cluster.cpus,
        "num_gpus": cluster.gpus if has_gpu and device != "cpu" else 0,
    }
