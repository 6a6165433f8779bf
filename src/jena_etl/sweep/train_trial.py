"""Trains a trial as the train stage would, but never looks at the test split."""

from __future__ import annotations

import time
from dataclasses import dataclass

from jena_etl.errors import SweepError
from jena_etl.evaluation.history import read_history
from jena_etl.evaluation.metrics import scores
from jena_etl.evaluation.predictions import forecast
from jena_etl.files import write_text
from jena_etl.params import Params
from jena_etl.project import Project
from jena_etl.project_paths import PathIn
from jena_etl.sweep.trial import TRIALS, Result, Trial, TrialFiles, epochs_of
from jena_etl.training.checkpoint import run_key
from jena_etl.training.metadata import trainable_parameters
from jena_etl.training.run import TrainingRun, prepare, train_model, written_and_loaded


@dataclass(frozen=True)
class TrialProject(Project):
    """A project whose windows are of a trial's own length; all else is the project's own."""

    key: str

    splits_json = PathIn(f"{TRIALS}/{{key}}-splits.json")


def train_trial(project: Project, params: Params, trial: Trial) -> None:
    """Train, then write the result; an interrupted training goes on from its checkpoint.

    If the trial has windows of its own length, `project` is a `TrialProject` whose splits have been
    written. The params are those of the trial.

    Raises:
        JenaEtlError: the inputs are stale or damaged, or the training diverges.
    """
    started = time.monotonic()
    files, name = TrialFiles(project.root, trial.key), trial.architecture
    prepared = prepare(project, params, name)
    architecture, validation = prepared.architecture, prepared.windows["validation"]
    key = _run_key(project, trial, prepared.device)
    checkpoint_file = project.checkpoint(trial.key, key)
    run = TrainingRun(stage="trial", architecture=name, name=trial.key, history_file=files.history)
    model, history = train_model(project, params, run, prepared, checkpoint_file)
    if _run_key(project, trial, prepared.device) != key:
        raise SweepError("data or code changed while it was trained; start the sweep again")
    write_text(files.history, history)
    model = written_and_loaded(model, checkpoint_file.with_suffix(".keras"), run, prepared)
    predicted = forecast(
        model, validation, batch_size=params.train.batch_size, order=architecture.order
    )
    # As `evaluate` scores it.
    mae = scores(validation.observations(), predicted, validation.last_observations()).mae
    maes = read_history(files.history, built_by=f"train@{name}").val_mae
    result = Result(
        trial=trial,
        validation_mae=mae,
        history=tuple(maes),
        epochs=epochs_of(params, name),
        stopped=False,
        parameters=trainable_parameters(model),
        seconds=round(time.monotonic() - started, 1),
    )
    write_text(files.result, result.model_dump_json())
    for file in project.unfinished(trial.key):
        file.unlink()


def _run_key(project: Project, trial: Trial, device: str) -> str:
    """The key of the training on the files as they are now."""
    files = project.training_dependencies(trial.architecture)
    return run_key(files, trial=trial.key, device=device)
