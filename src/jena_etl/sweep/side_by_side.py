"""Runs stages side by side on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jena_etl.errors import one_line
from jena_etl.files import replacing
from jena_etl.sweep.live import DONE, FAILED, RUNNING, Table, live_table
from jena_etl.sweep.place import Place
from jena_etl.sweep.stage_run import Outcome, StageRun, log_file, run_stage

# How often a stage is started again when the node or the process that runs it is lost. What it
# says itself is final: it would say the same again.
TRIES = 5


def run_side_by_side(
    ray: Any,
    runs: Sequence[StageRun],
    place: Place,
    room: Mapping[str, float],
    *,
    done: Callable[[StageRun], None],
) -> dict[str, str]:
    """Run every stage to its end, as many at a time as the cluster has room for.

    None of them reads what another one writes. `done` is called in this process for each whose outs
    are complete in `place.root`.

    Returns:
        Why the others failed, by their names; empty if none did.
    """
    for run in runs:  # or a training that waits would show what it printed in an earlier sweep
        log_file(place.root, run.stage).unlink(missing_ok=True)
    task = ray.remote(run_stage).options(max_retries=TRIES, **room)
    by_ref = {task.remote(run, place): run for run in runs}
    failed = {}
    with live_table(run.stage for run in runs) as table:
        waiting = list(by_ref)
        while waiting:
            ended, waiting = ray.wait(waiting, timeout=1, fetch_local=False)
            for ref in ended:
                run, outcome = by_ref[ref], _outcome(ray, ref)
                if outcome.error:
                    failed[run.stage] = outcome.error
                    table.set(run.stage, FAILED, outcome.error)
                    continue
                _write(place.root, outcome)
                done(run)
                table.set(run.stage, DONE)
            for ref in waiting:
                _show(table, place.root, by_ref[ref].stage)
    return failed


def _outcome(ray: Any, ref: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(ref)
    except ray.exceptions.RayError as error:
        return Outcome(error=why_it_ended(ray, error))
    return outcome


def why_it_ended(ray: Any, error: Exception) -> str:
    """What to tell of a task that Ray has given up: who raised what, or that its node was lost."""
    if isinstance(error, ray.exceptions.RayTaskError):  # a fault of this package, on the node
        return f"{type(error.cause).__name__}: {one_line(error.cause)}"
    reason = " ".join(str(error).split())
    return f"lost {TRIES + 1} times, the last time: {reason}"


def _write(root: Path, outcome: Outcome) -> None:
    """Write what a node with a project folder of its own has sent."""
    for name, content in outcome.files.items():
        with replacing(root / name) as part:
            part.write_bytes(content)


def _show(table: Table, root: Path, stage: str) -> None:
    """The last line that a running stage has printed; none from a node with a folder of its own."""
    log = log_file(root, stage)
    if not log.is_file():
        return
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    table.set(stage, RUNNING, lines[-1].strip() if lines else "")
