"""Searches a space of params with Ray Tune: Optuna draws the trials, ASHA stops hopeless ones.

Optuna's sampler is TPE (J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011).
ASHA is asynchronous successive halving (L. Li et al., A System for Massively Parallel
Hyperparameter Tuning, 2020): a trial is stopped if, after a tenth of its epochs or after four
tenths, it is not among the best quarter of those that got as far before it.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jena_etl.project_paths import ProjectPaths
from jena_etl.sweep.live import DONE, FAILED, RUNNING, STOPPED, Table, live_table
from jena_etl.sweep.place import Place
from jena_etl.sweep.side_by_side import TRIES, why_it_ended
from jena_etl.sweep.space import Space
from jena_etl.sweep.store import Store
from jena_etl.sweep.trial import Result, Trial
from jena_etl.sweep.trial_run import ERROR, HISTORY, MAE, PROGRESS, RESULT, WHOLE, run_trial

GRACE, REDUCTION = 10, 4  # percent of the epochs before the first comparison; a quarter goes on


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched.

    Attributes:
        space: what the trials may be.
        trials: how many there are to be, those of earlier calls included.
        seed: of Optuna's sampler.
        bases: a digest of all else that shapes a trial, by architecture.
        epochs: how many epochs an architecture has, if a trial does not say.
    """

    space: Space
    trials: int
    seed: int
    bases: Mapping[str, str]
    epochs: Mapping[str, int]

    def __len__(self) -> int:
        """How many trials there can be: no more than `trials`, each another one."""
        everything = self.space.all_configs(self.trials)
        return self.trials if everything is None else len(everything)


def search(wanted: Search, store: Store, place: Place, room: Mapping[str, float]) -> dict[str, str]:
    """Run the trials, as many at a time as the cluster has room for; Ray has to be connected.

    Trials that the store knows to have ended are not run again, and those that had begun are first.

    Returns:
        Why trials have failed, by their keys; empty if none did.
    """
    from ray import tune

    begun, known = store.begun(), store.results()
    everything = wanted.space.all_configs(wanted.trials)
    first = [trial.config for trial in begun]
    first += [config for config in everything or [] if config not in first]
    function = partial(
        run_trial,
        bases=wanted.bases,
        epochs=wanted.epochs,
        place=place,
        known={key: result.model_dump_json() for key, result in known.items()},
    )
    scratch = store.folder / "tune"
    shutil.rmtree(scratch, ignore_errors=True)  # of a call that was killed
    errors: dict[str, str] = {}
    with live_table([]) as table, _quiet():
        tune.Tuner(
            tune.with_resources(function, {"cpu": room["num_cpus"], "gpu": room["num_gpus"]}),
            tune_config=tune.TuneConfig(
                metric=MAE,
                mode="min",
                num_samples=len(wanted),
                search_alg=_sampler(wanted, first[: wanted.trials], drawn=len(begun)),
                scheduler=tune.schedulers.ASHAScheduler(
                    time_attr=PROGRESS, max_t=WHOLE, grace_period=GRACE, reduction_factor=REDUCTION
                ),
                reuse_actors=False,
            ),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(store.folder.resolve()),
                failure_config=tune.FailureConfig(max_failures=TRIES),
                callbacks=[_watch(wanted, store, table, errors)],
                verbose=0,
            ),
        ).fit()
    shutil.rmtree(scratch, ignore_errors=True)
    for key, result in store.results().items():
        if result.stopped:  # nobody goes on from its checkpoint
            for checkpoint in ProjectPaths(place.root).unfinished(key):
                checkpoint.unlink()
    return errors


def _sampler(wanted: Search, first: list[dict[str, Any]], *, drawn: int) -> Any:
    """Optuna's sampler, which begins with these configs.

    What was drawn before changes its seed, or it would draw the same again.
    """
    from ray.tune.search.optuna import OptunaSearch

    return OptunaSearch(
        wanted.space.suggest,
        points_to_evaluate=first,
        metric=MAE,
        mode="min",
        seed=(wanted.seed + drawn) % 2**32,
    )


def _watch(wanted: Search, store: Store, table: Table, errors: dict[str, str]) -> Any:
    """What Tune calls as the trials go: it fills the store, the table and the errors."""
    import ray
    from ray.tune import Callback

    class Watch(Callback):  # Ray is imported when a sweep starts
        """Keeps what it hears of the trials. Tune names all arguments, and more than these."""

        def on_trial_start(self, *, trial: Any, **_: Any) -> None:
            ours = Trial.of(trial.config, wanted.bases)
            store.add(ours)
            table.set(_name(ours), RUNNING, _values(ours))

        def on_trial_result(self, *, trial: Any, result: Mapping[str, Any], **_: Any) -> None:
            ours = Trial.of(trial.config, wanted.bases)
            if not result[ERROR]:
                mae = f"{result[MAE]:.4g} after {len(result[HISTORY])} epochs"
                table.set(_name(ours), RUNNING, f"{mae}; {_values(ours)}")

        def on_trial_complete(self, *, trial: Any, **_: Any) -> None:
            ours, last = Trial.of(trial.config, wanted.bases), trial.last_result
            if last[ERROR]:
                errors[ours.key] = last[ERROR]
                table.set(_name(ours), FAILED, last[ERROR])
                return
            result = (
                Result.model_validate_json(last[RESULT])
                if last[RESULT]
                else _stopped(ours, last, wanted)
            )
            store.end(result)
            state = STOPPED if result.stopped else DONE
            table.set(_name(ours), state, f"{result.validation_mae:.4g}; {_values(ours)}")

        def on_trial_error(self, *, trial: Any, **_: Any) -> None:
            ours = Trial.of(trial.config, wanted.bases)
            error = trial.get_pickled_error() or trial.get_error()
            errors[ours.key] = why_it_ended(ray, error)
            table.set(_name(ours), FAILED, errors[ours.key])

    return Watch()


def _stopped(trial: Trial, last: Mapping[str, Any], wanted: Search) -> Result:
    """The result of a trial that ASHA has stopped."""
    epochs = trial.values.get(f"models.{trial.architecture}.epochs")
    return Result(
        trial=trial,
        validation_mae=last[MAE],
        history=tuple(last[HISTORY]),
        epochs=int(epochs or wanted.epochs[trial.architecture]),
        stopped=True,
        parameters=None,
        seconds=round(last["time_total_s"], 1),
    )


def _name(trial: Trial) -> str:
    return f"{trial.architecture} {trial.key[:6]}"


def _values(trial: Trial) -> str:
    """The values of a trial, each with the last part of its path."""
    return " ".join(f"{path.rpartition('.')[2]}={value}" for path, value in trial.values.items())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes of Tune and Optuna on their own workings."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
