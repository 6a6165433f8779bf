"""Trains an architecture and forecasts every scored window with its best epoch.

The forecasts are made here, with the model loaded from its file, because starting TensorFlow again
would take longer than most models take to forecast. They are scored in another stage, so that a
change to the scores does not retrain anything.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jena_etl.errors import TrainingError
from jena_etl.evaluation.predictions import (
    SCORED,
    forecast,
    naive_mae,
    predictions_writer,
    with_observations,
)
from jena_etl.files import write_text
from jena_etl.models import FittedAtOnce, NeuralNetwork, configure
from jena_etl.params import Params, read_params
from jena_etl.project import Project
from jena_etl.training.checkpoint import run_key
from jena_etl.training.device import use_device
from jena_etl.training.fit import fit_at_once, seeded_model, train
from jena_etl.training.metadata import ForecastTask, forecast_task
from jena_etl.training.model_file import load_model, write_model
from jena_etl.training.run_log import logged
from jena_etl.training.shards import ShardedTraining, train_in_shards
from jena_etl.windows.split_windows import SplitWindows


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """One of the trainings of an architecture.

    Attributes:
        stage: the stage of dvc.yaml that it belongs to; `trial` for a trial of a search.
        architecture: what is trained.
        name: what its forecasts and its checkpoint are named after; no other run has it.
        seed: the seed of its weights, dropout and shuffling; None for that of params.yaml.
        model_file: where the model is kept; None if only its forecasts are.
        history_file: where its history is kept; None if it is not.
    """

    stage: str
    architecture: str
    name: str
    seed: int | None = None
    model_file: Path | None = None
    history_file: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training begins with: the windows by split, and the device with its settings."""

    architecture: FittedAtOnce | NeuralNetwork
    windows: dict[str, SplitWindows]
    task: ForecastTask
    settings: dict[str, Any]
    device: str


def prepare(project: Project, params: Params, name: str) -> Prepared:
    """Check the settings and inputs of an architecture's training, then set up the device.

    Raises:
        JenaEtlError: a setting is wrong, the inputs are stale or damaged, or the device cannot be
            used.
    """
    architecture = configure(name, params.models.get(name))
    # Before TensorFlow starts, which takes seconds: this refuses what is stale or damaged.
    windows = {split: project.windows(split) for split in ("train", "validation")}
    for _, station in project.each_station():
        for split in SCORED:
            station.series_windows(split)
    settings = params.train.model_dump(exclude={"batch_size", "device", "shards"})
    xla_on_cpu = isinstance(architecture, NeuralNetwork) and architecture.xla_on_cpu
    device = use_device(params.train.device, xla_on_cpu=xla_on_cpu, **settings)
    return Prepared(
        architecture=architecture,
        windows=windows,
        task=forecast_task(project.arrays, project.statistics, windows["train"].spec),
        settings=settings,
        device=device,
    )


def train_and_forecast(project: Project, params: Params, run: TrainingRun) -> None:
    """Train, then write what the run keeps and the forecasts of the best model.

    Raises:
        JenaEtlError: as of `prepare`; or the training fails, or its inputs change meanwhile.
    """
    prepared = prepare(project, params, run.architecture)
    key = _run_key(project, run, prepared.device)
    checkpoint_file = project.checkpoint(run.name, key)
    with logged(
        project.run_log,
        stage=run.stage,
        architecture=run.architecture,
        seed=_seed(run, params),
        device=prepared.device,
        **prepared.settings,
    ) as entry:
        if params.train.shards > 1:
            entry["shards"] = params.train.shards
        model, history = train_model(project, params, run, prepared, checkpoint_file)
        # Results of inputs that have changed meanwhile would be recorded by DVC as up to date.
        if _run_key(project, run, prepared.device) != key:
            raise TrainingError(
                f"params.yaml, data or code of {run.name} changed while it was being trained, so "
                "nothing was written. To train it as it is now: dvc repro. If you change it back, "
                "dvc repro resumes from the epochs done"
            )
        model_file = run.model_file or checkpoint_file.with_suffix(".keras")
        model = written_and_loaded(model, model_file, run, prepared)
        if run.history_file:
            write_text(run.history_file, history)
        seconds = _write_forecasts(project, run, model, params, prepared.architecture)
        entry["milliseconds_per_forecast"] = round(1000 * seconds, 4)
    for file in project.unfinished(run.name):  # of abandoned runs, too
        file.unlink()


def written_and_loaded(model: Any, file: Path, run: TrainingRun, prepared: Prepared) -> Any:
    """Write a model, and load it again: the one that others load makes the forecasts."""
    name, order = run.architecture, prepared.architecture.order
    write_model(model, file, prepared.task, architecture=name, order=order)
    return load_model(file, architecture=name)


def train_model(
    project: Project, params: Params, run: TrainingRun, prepared: Prepared, checkpoint_file: Path
) -> tuple[Any, str]:
    """The model with its best weights, and its history as CSV."""
    architecture, windows, task = prepared.architecture, prepared.windows, prepared.task
    seed, settings = _seed(run, params), params.train
    naive = naive_mae(windows["validation"])
    if isinstance(architecture, FittedAtOnce):
        return fit_at_once(architecture, windows, task, seed=seed, naive_mae=naive)
    precision = settings.mixed_precision
    model = seeded_model(architecture, windows["train"], task, seed=seed, mixed_precision=precision)
    batch_size, order = settings.batch_size, architecture.order
    if settings.shards > 1:  # they leave the checkpoint of a finished run, which is read below
        training = ShardedTraining(
            project=replace(project),  # without what it has read, which cannot be pickled
            architecture=architecture,
            settings=settings,
            task=task,
            seed=seed,
            checkpoint_file=checkpoint_file,
            history_file=run.history_file,
            naive_mae=naive,
        )
        train_in_shards(model, training, device=prepared.device)
    history = train(
        model,
        lambda epoch: windows["train"].for_model(
            batch_size, shuffle=True, seed=seed, epoch=epoch, order=order
        ),
        windows["validation"].for_model(batch_size, order=order),
        epochs=architecture.epochs,
        patience=architecture.early_stopping,
        learning_rate=architecture.learning_rate_in,
        checkpoint_file=checkpoint_file,
        history_file=run.history_file,
        naive_mae=naive,
        xla=prepared.device == "cpu" and architecture.xla_on_cpu,
    )
    return model, history


def _write_forecasts(
    project: Project,
    run: TrainingRun,
    model: Any,
    params: Params,
    architecture: FittedAtOnce | NeuralNetwork,
) -> float:
    """Forecast the scored splits of every station, and return the seconds that one takes.

    The stations that no model learns from are among them.
    """
    with predictions_writer(project.predictions_parquet(run.name)) as write:
        for number, station in project.each_station():
            found, timestamps = {}, station.timestamps
            for split in SCORED:
                windows, started = station.series_windows(split), time.perf_counter()
                predicted = forecast(
                    model, windows, batch_size=params.train.batch_size, order=architecture.order
                )
                # Kept from the last one: the first forecasts of a process wait for compilation.
                seconds = (time.perf_counter() - started) / max(len(predicted), 1)
                found[split] = with_observations(windows, timestamps, predicted)
            write(found, number)
    return seconds


def _seed(run: TrainingRun, params: Params) -> int:
    return params.seed if run.seed is None else run.seed


def _run_key(project: Project, run: TrainingRun, device: str) -> str:
    """The key of a run on the files as they are now, including params.yaml."""
    params = read_params(project.params_yaml)
    return run_key(
        project.training_dependencies(run.architecture, stage=run.stage),
        name=run.name,
        model=params.models.get(run.architecture),
        seed=_seed(run, params),
        train=params.train.model_dump(),
        device=device,
    )
