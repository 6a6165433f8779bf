"""Runs a trial on a node of the cluster, where Ray Tune watches it."""

from __future__ import annotations

import csv
import fcntl
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jena_etl.errors import JenaEtlError, TrainingError, one_line
from jena_etl.files import write_text
from jena_etl.sweep.place import Place
from jena_etl.sweep.process import follow
from jena_etl.sweep.stage_run import reason
from jena_etl.sweep.trial import Result, Trial, TrialFiles

MAE, PROGRESS, HISTORY, ERROR, RESULT = "validation_mae", "progress", "history", "error", "result"
# How far a trial is, in percent of its epochs; the last one is for the forecasts of its best epoch.
WHOLE, TRAINED = 100, 99

Report = Callable[[dict[str, Any]], None]


def run_trial(
    config: Mapping[str, Any],
    *,
    bases: Mapping[str, str],
    epochs: Mapping[str, int],
    place: Place,
    known: Mapping[str, str],
) -> None:
    """Train a trial on this node, or repeat what is known of one that has ended before.

    The config is as a search draws it, `bases` and `epochs` are those of the `Search`, and `known`
    holds the results of earlier trials, as JSON, by key.
    """
    from ray import tune

    trial = Trial.of(config, bases)
    if trial.key in known:
        _repeat(Result.model_validate_json(known[trial.key]), tune.report)
        return
    wanted = int(config.get(f"models.{trial.architecture}.epochs", epochs[trial.architecture]))
    try:
        root = place.here()
        files = TrialFiles(root, trial.key)
        with _turn(files.lock):
            result = _result(files) or _train(files, trial, place, tune.report, wanted)
    except (JenaEtlError, OSError) as error:
        tune.report(_reported(math.inf, 0, error=one_line(error)))
        return
    tune.report(_reported(result.validation_mae, WHOLE, result.history, result=result))


def _result(files: TrialFiles) -> Result | None:
    """The result of a trial that has ended; None if there is none, or one that was cut off."""
    try:
        return Result.model_validate_json(files.result.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _train(files: TrialFiles, trial: Trial, place: Place, report: Report, epochs: int) -> Result:
    """Train in a process of its own, and report the best MAE so far after every epoch."""
    write_text(files.trial, trial.model_dump_json())
    reported = 0

    def each_second() -> None:
        nonlocal reported
        maes = _maes(files.history)
        if len(maes) > reported:
            reported = len(maes)
            report(_reported(min(maes), TRAINED * reported / epochs, maes))

    code = follow(
        "pipeline.trial",
        [trial.key],
        cwd=files.root,
        environment=place.environment(),
        output=files.log,
        each_second=each_second,
    )
    if code:
        raise TrainingError(reason(files.log, code))
    if not (result := _result(files)):
        raise TrainingError(f"it ended without a result; what it printed is in {files.log}")
    return result


def _repeat(result: Result, report: Report) -> None:
    """Report what is known of a trial, so that the others are compared with it as before."""
    done = len(result.history)
    for epoch in range(1, done + 1):
        history = result.history[:epoch]
        report(_reported(min(history), TRAINED * epoch / result.epochs, history))
    last = TRAINED * done / result.epochs if result.stopped else WHOLE
    report(_reported(result.validation_mae, last, result.history, result=result))


def _reported(
    mae: float,
    progress: float,
    history: Sequence[float] = (),
    *,
    error: str = "",
    result: Result | None = None,
) -> dict[str, Any]:
    """What Tune is told; it wants the same keys each time."""
    return {
        MAE: mae,
        PROGRESS: progress,
        HISTORY: list(history),
        ERROR: error,
        RESULT: result.model_dump_json() if result else "",
    }


def _maes(history: Path) -> list[float]:
    """The validation MAE of each epoch so far."""
    if not history.is_file():
        return []
    with history.open(encoding="utf-8", newline="") as file:
        return [float(row["val_mae"]) for row in csv.DictReader(file)]


@contextmanager
def _turn(lock: Path) -> Iterator[None]:
    """Wait until no other process trains the same trial: one whose Ray was lost, or a twin."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
