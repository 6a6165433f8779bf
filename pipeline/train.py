"""train NAME: train one architecture -> models/NAME.keras, its history and its forecasts.

The forecasts are made here, with the model loaded from its file, because starting TensorFlow again
would take longer than most models take to forecast. They are scored in another stage, so that a
change to the scores does not retrain anything.
"""

import time
from pathlib import Path
from typing import Any

from jena_etl.errors import TrainingError
from jena_etl.evaluation.predictions import (
    SCORED,
    forecast,
    naive_mae,
    with_observations,
    write_predictions,
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
from jena_etl.windows.split import SplitWindows
from pipeline import run


def main(project: Project, params: Params, name: str) -> None:
    """Train the architecture `name`, then forecast with its best epoch."""
    architecture = configure(name, params.models.get(name))
    settings = params.train.model_dump(exclude={"batch_size", "device"})
    # Before TensorFlow starts, which takes seconds: this refuses what is stale or damaged.
    windows = {split: project.windows(split) for split in ("train", *SCORED)}
    xla = isinstance(architecture, NeuralNetwork) and architecture.xla_on_cpu
    device = use_device(params.train.device, xla_on_cpu=xla, **settings)
    timestamps = project.timestamps
    task = forecast_task(project.arrays, project.statistics, windows["train"].spec)
    key = _run_key(project, name, device)
    checkpoint_file = project.checkpoint(name, key)
    batch_size, order = params.train.batch_size, architecture.order
    with logged(
        project.run_log, stage="train", architecture=name, device=device, **settings
    ) as entry:
        model, history = _trained(
            architecture,
            windows,
            task,
            params,
            checkpoint_file=checkpoint_file,
            history_file=project.history_csv(name),
            xla=xla and device == "cpu",
        )
        _refuse_if_outdated(key, project, name, device)
        write_model(model, project.model_file(name), task, architecture=name, order=order)
        write_text(project.history_csv(name), history)
        model = load_model(project.model_file(name), architecture=name)
        predictions = {}
        for split in SCORED:
            started = time.perf_counter()
            predicted = forecast(model, windows[split], batch_size=batch_size, order=order)
            # Kept from the last split: the first forecasts of a process wait for compilation.
            milliseconds = 1000 * (time.perf_counter() - started) / max(len(predicted), 1)
            predictions[split] = with_observations(windows[split], timestamps, predicted)
        write_predictions(project.predictions_parquet(name), predictions)
        entry["milliseconds_per_forecast"] = round(milliseconds, 4)
    for checkpoint in checkpoint_file.parent.glob(f"{name}-*.npz"):  # abandoned runs' as well
        checkpoint.unlink()


def _trained(
    architecture: FittedAtOnce | NeuralNetwork,
    windows: dict[str, SplitWindows],
    task: ForecastTask,
    params: Params,
    *,
    checkpoint_file: Path,
    history_file: Path,
    xla: bool,
) -> tuple[Any, str]:
    """The model with its best weights, and its history as CSV."""
    naive, settings = naive_mae(windows["validation"]), params.train
    if isinstance(architecture, FittedAtOnce):
        return fit_at_once(
            architecture,
            windows,
            task,
            seed=params.seed,
            threads=settings.cpu_threads,
            naive_mae=naive,
        )
    model = seeded_model(
        architecture,
        windows["train"],
        task,
        seed=params.seed,
        mixed_precision=settings.mixed_precision,
    )
    batch_size, order = settings.batch_size, architecture.order
    history = train(
        model,
        lambda epoch: windows["train"].for_model(
            batch_size, shuffle=True, seed=params.seed, epoch=epoch, order=order
        ),
        windows["validation"].for_model(batch_size, order=order),
        epochs=architecture.epochs,
        patience=architecture.early_stopping,
        learning_rate=architecture.learning_rate_in,
        checkpoint_file=checkpoint_file,
        history_file=history_file,
        naive_mae=naive,
        xla=xla,
    )
    return model, history


def _run_key(project: Project, name: str, device: str) -> str:
    """The key of a run on the files as they are now, including params.yaml."""
    params = read_params(project.params_yaml)
    return run_key(
        project.training_dependencies(name),
        name=name,
        model=params.models.get(name),
        seed=params.seed,
        train=params.train.model_dump(),
        device=device,
    )


def _refuse_if_outdated(key: str, project: Project, name: str, device: str) -> None:
    """Refuse to write results if the inputs changed, as DVC would record them as up to date."""
    if _run_key(project, name, device) != key:
        raise TrainingError(
            f"params.yaml, data or code of {name} changed while it was being trained, so nothing "
            "was written. To train it as it is now: dvc repro. If you change it back, dvc repro "
            "resumes from the epochs done"
        )


if __name__ == "__main__":
    run(main, "architecture")
