"""What `jena-etl sweep` does: trainings side by side on a Ray cluster."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jena_etl.commands.dvc_training import (
    digests_of,
    files_of_training,
    out_of_date,
    out_of_date_before_training,
    record,
    repro,
)
from jena_etl.errors import SweepError
from jena_etl.models import configure_all
from jena_etl.params import Params, read_params
from jena_etl.params_check import load_yaml
from jena_etl.project import Project
from jena_etl.sweep.cluster import RayCluster, check_packages, joined, room_for_each
from jena_etl.sweep.place import Place, check_nodes
from jena_etl.sweep.results import command_line, winner, write_page, write_parquet
from jena_etl.sweep.search import Search, search
from jena_etl.sweep.side_by_side import run_side_by_side
from jena_etl.sweep.space import Space, read_space
from jena_etl.sweep.stage_run import StageRun, record_file
from jena_etl.sweep.store import Store
from jena_etl.sweep.trial import base_of, epochs_of

# What a trial reads besides what a train stage does, to work out the windows of its own length.
FOR_WINDOWS = (
    "params.yaml",
    "data/interim/climate.parquet",
    "data/interim/features.parquet",
    "data/interim/findings.parquet",
)


def sweep_leaderboard(project: Project, cluster: RayCluster) -> str:
    """Do what `dvc repro` does, with the trainings side by side; return what to say at the end.

    Raises:
        SweepError: there is no cluster, a node lacks what training reads, or trainings failed.
        ProjectError: another stage failed, or something changed in the meantime.
    """
    check_packages()
    params = read_params(project.params_yaml)
    configure_all(params)
    root = project.root.resolve()
    _bring_up_to_date(root)
    stale, files = out_of_date(root)
    if stale:
        place = Place.of(root, files)

        def done(run: StageRun) -> None:
            record(root, run)
            record_file(root, run.stage).unlink(missing_ok=True)

        with joined(cluster) as ray:
            check_nodes(ray, place)
            room = room_for_each(ray, cluster, params.train.device)
            _say(f"{len(stale)} trainings, {_cores(cluster)} each")
            runs = longest_first(stale, project.run_log)
            failed = run_side_by_side(ray, runs, place, room, done=done)
        if failed:
            raise SweepError(_failed(failed, len(stale), "DVC has recorded the others"))
    repro(root, why="after the training")
    return "The pipeline is up to date: dvc repro has nothing to do."


def sweep_space(
    project: Project, space_file: Path, *, trials: int, seed: int, cluster: RayCluster
) -> str:
    """Search a space of params on the project's arrays; return what to say at the end.

    The sweep is named after `space_file`; `trials` are those in all, with earlier calls'.

    Raises:
        SweepError: the space is wrong, there is no cluster, a node lacks what training reads, or
            trials failed.
        ProjectError: a stage before the training failed.
    """
    check_packages()
    params = read_params(project.params_yaml)
    raw: dict[str, Any] = load_yaml(project.params_yaml)
    space = read_space(space_file, raw)
    root = project.root.resolve()
    _bring_up_to_date(root)
    by_name = files_of_training(root, space.architectures)
    wanted = Search(
        space=space,
        trials=trials,
        seed=seed,
        bases={name: base_of(raw, name, files) for name, files in by_name.items()},
        epochs={name: epochs_of(params, name) for name in space.architectures},
    )
    store = Store(root, space_file.stem, space.model_dump(mode="json"), dict(wanted.bases), seed)
    files = {path: md5 for one in by_name.values() for path, md5 in one.items()}
    files |= digests_of(root, FOR_WINDOWS)
    errors: dict[str, str] = {}
    if len(store.results()) < len(wanted):
        place = Place.of(root, files)
        with joined(cluster) as ray:
            check_nodes(ray, place)
            room = room_for_each(ray, cluster, params.train.device)
            _say(f"{len(wanted)} trials, {_cores(cluster)} each")
            errors = search(wanted, store, place, room)
    else:
        _say(f"all {len(wanted)} trials have been run before: nothing to do")
    return _written(
        project, store, errors, name=space_file.stem, space=space, params=params, raw=raw
    )


def _bring_up_to_date(root: Path) -> None:
    """Run the stages before the training where one of them is out of date."""
    if stages := out_of_date_before_training(root):
        repro(root, *stages, why="before the training")


def longest_first(runs: Sequence[StageRun], run_log: Path) -> list[StageRun]:
    """The trainings in the order in which they are begun, so that no core is idle at the end.

    Those that have not been trained here yet are first, the last listed of them before the others,
    as lists of architectures tend to begin with the simplest. Then come the others, by the seconds
    that they took the last time.
    """
    seconds: dict[tuple[str, str], float] = {}
    if run_log.is_file():
        for line in run_log.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError):  # a line that was cut off
                entry = json.loads(line)
                seconds[entry["stage"], entry["architecture"]] = entry["seconds"]

    def expected(run: StageRun) -> float:
        stage = run.stage.partition("@")[0]
        return seconds.get((stage, run.arguments[0]), math.inf)

    return sorted(runs, key=expected)[::-1]


def _written(
    project: Project,
    store: Store,
    errors: dict[str, str],
    *,
    name: str,
    space: Space,
    params: Params,
    raw: dict[str, Any],
) -> str:
    """Write the results, and return what to say of them; params as they were before the search."""
    results = store.results()
    folder = project.root / "reports/sweeps" / name
    best = winner(results)
    command = command_line(best, raw, params) if best else ""
    write_parquet(folder / "trials.parquet", results, list(space.params))
    arrays = project.arrays
    write_page(
        folder / "index.html",
        results,
        errors,
        name=name,
        unit=arrays.units[arrays.columns.index(arrays.target)],
        command=command,
        params=params,
    )
    if errors:
        raise SweepError(_failed(errors, len(results) + len(errors), "the others are kept"))
    if not best:
        raise SweepError("no trial was trained to the end; ask for more: --trials")
    stopped = sum(one.stopped for one in results.values())
    return (
        f"{len(results)} trials, {stopped} of them stopped early; {folder}/index.html shows them\n"
        f"the best: {best.trial.architecture}, validation MAE {best.validation_mae}\n"
        f"to train it in the pipeline: {command}"
    )


def _cores(cluster: RayCluster) -> str:
    return f"{cluster.cpus:g} core{'s' if cluster.cpus > 1 else ''}"


def _failed(failed: dict[str, str], of: int, others: str) -> str:
    reasons = "\n".join(f"  {stage}: {reason}" for stage, reason in failed.items())
    return (
        f"{len(failed)} of {of} trainings failed, and {others}:\n{reasons}\n"
        "what they printed is in logs/sweep/; put that right, then the same command again"
    )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
