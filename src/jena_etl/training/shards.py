"""Trains one model in several processes: starts them, and tells each what to do.

docs/sharded_training.md says what is the same as in one process, and what is not.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jena_etl.errors import TrainingError
from jena_etl.models import NeuralNetwork
from jena_etl.params import Train
from jena_etl.project import Project
from jena_etl.training.data_parallel import Processes, sharded_model, together, train_batches
from jena_etl.training.device import use_device
from jena_etl.training.fit import resumed, seeded_model, train, trained_variables
from jena_etl.training.metadata import ForecastTask
from jena_etl.training.processes import Cluster, on_this_machine, run_together

EXAMPLE = '{"cluster": {"worker": ["A:1", "B:1"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True, kw_only=True)
class ShardedTraining:
    """A training, as each of its processes is told of it.

    The settings are the block `train` of params.yaml; the rest is as in `seeded_model` and `train`.
    """

    project: Project
    architecture: NeuralNetwork
    settings: Train
    task: ForecastTask
    seed: int
    checkpoint_file: Path
    history_file: Path | None
    naive_mae: float


def train_in_shards(model: Any, training: ShardedTraining, *, device: str) -> None:
    """Train in as many processes as the settings say, and leave all epochs in the checkpoint.

    The model, as it was built, is only used to read the checkpoint with.

    Raises:
        TrainingError: this device or backend is not supported, TF_CONFIG does not fit, a process
            has failed, or a loss is NaN or infinite.
        KeyboardInterrupt: Ctrl-C; names the command that resumes.
    """
    import keras

    shards, architecture = training.settings.shards, training.architecture
    backend = keras.config.backend()
    if (backend, device) != ("tensorflow", "cpu"):
        raise TrainingError(
            f"train.shards is {shards}, but processes train together with TensorFlow on CPUs only, "
            f"found {backend} on {device}; set train.shards: 1, or train.device: cpu and "
            "KERAS_BACKEND=tensorflow"
        )
    # Read here first: a damaged one is set aside, which only one process can do.
    progress = resumed(training.checkpoint_file, trained_variables(model))
    if progress.is_over(architecture.epochs, architecture.early_stopping):
        return
    try:
        run_together(_train_shard, cluster_of(shards), training)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; dvc repro resumes from the last epoch done") from None


def cluster_of(shards: int) -> Cluster:
    """Processes on this machine, or what the environment variable TF_CONFIG says of several.

    Raises:
        TrainingError: TF_CONFIG cannot be read, or names another number of processes.
    """
    if not (text := os.environ.get("TF_CONFIG")):
        return on_this_machine(shards)
    try:
        config = json.loads(text)
        chief, task = config["cluster"].get("chief", []), config["task"]
        addresses = (*chief, *config["cluster"]["worker"])
        number = {"chief": 0, "worker": len(chief)}[task["type"]] + int(task["index"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TrainingError(f"TF_CONFIG cannot be read; expected {EXAMPLE}, found {text}") from None
    if len(addresses) != shards or number not in range(shards):
        raise TrainingError(
            f"TF_CONFIG names {len(addresses)} processes and says that this is number {number}, "
            f"counted from 0, but train.shards is {shards}; change one of them, or unset TF_CONFIG"
        )
    return Cluster(addresses, (number,))


def _train_shard(number: int, cluster: Cluster, training: ShardedTraining) -> None:
    """What process `number` does."""
    settings, architecture, seed = training.settings, training.architecture, training.seed
    use_device("cpu", deterministic=settings.deterministic, cpu_threads=settings.cpu_threads)
    processes = Processes(number, cluster.addresses)
    windows, held_out = (training.project.windows(name) for name in ("train", "validation"))
    order, shard = architecture.order, processes.shard
    model = sharded_model(seeded_model(architecture, windows, training.task, seed=seed), processes)
    train(
        model,
        lambda epoch: train_batches(
            windows, settings.batch_size, shard=shard, seed=seed, epoch=epoch, order=order
        ),
        held_out.dataset(settings.batch_size // processes.count, shard=shard, order=order),
        epochs=architecture.epochs,
        patience=architecture.early_stopping,
        learning_rate=architecture.learning_rate_in,
        checkpoint_file=training.checkpoint_file,
        history_file=training.history_file,
        naive_mae=training.naive_mae,
        callbacks=[
            together(
                model,
                processes,
                run=training.checkpoint_file.name,
                train=len(windows),
                validation=len(held_out),
            )
        ],
        writes=number == cluster.here[0],
    )
