"""The results of a search: a Parquet file, a page, and the command line of the winner."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jena_etl.files import replacing, write_text
from jena_etl.params import Params
from jena_etl.sweep.space import Value
from jena_etl.sweep.trial import Result
from jena_etl.text import printable


def ranked(results: Mapping[str, Result]) -> list[Result]:
    """The finished trials, best first, then those that were stopped early, best first."""
    return sorted(
        results.values(), key=lambda one: (one.stopped, one.validation_mae, one.trial.key)
    )


def winner(results: Mapping[str, Result]) -> Result | None:
    """The trial with the lowest validation MAE of those trained to the end; None without any."""
    return next((one for one in ranked(results) if not one.stopped), None)


def command_line(result: Result, raw_params: Mapping[str, Any], params: Params) -> str:
    """The `dvc exp run` that trains the trial in the pipeline and gives the same score.

    It trains this architecture alone, unless an ensemble needs others.
    """
    name = result.trial.architecture
    changes = [
        f"{'' if _is_there(raw_params, path) else '+'}{path}={_written(value)}"
        for path, value in result.trial.values.items()
    ]
    if not params.ensembles:
        changes.insert(0, f"architectures=[{name}]")
    elif name not in params.architectures:
        changes.insert(0, f"architectures=[{','.join([*params.architectures, name])}]")
    return shlex.join(["dvc", "exp", "run", *(word for one in changes for word in ("-S", one))])


def write_parquet(path: Path, results: Mapping[str, Result], paths: Sequence[str]) -> None:
    """Write a row per trial, with the history of each and a column for each path of the space."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    trials = ranked(results)
    columns: dict[str, list[Any]] = {
        "rank": list(range(1, len(trials) + 1)),
        "key": [one.trial.key for one in trials],
        "architecture": [one.trial.architecture for one in trials],
        "state": ["stopped" if one.stopped else "finished" for one in trials],
        "validation_mae": [one.validation_mae for one in trials],
        "epochs_done": [len(one.history) for one in trials],
        "epochs": [one.epochs for one in trials],
        "parameters": [one.parameters for one in trials],
        "seconds": [one.seconds for one in trials],
        "history": [list(one.history) for one in trials],
    }
    for name in paths:
        # Numbers stay numbers; a param that may be a number or a word becomes words.
        values = [one.trial.values.get(name) for one in trials]
        kinds = {type(value) for value in values if value is not None}
        mixed = len(kinds - {int, float}) + bool(kinds & {int, float}) > 1
        columns[name] = [str(value) if mixed and value is not None else value for value in values]
    with replacing(path) as part:
        pq.write_table(pa.table(columns), part, version="2.6", compression="zstd")


def write_page(
    path: Path,
    results: Mapping[str, Result],
    errors: Mapping[str, str],
    *,
    name: str,
    unit: str,
    command: str,
    params: Params,
) -> None:
    """Write the results as an HTML page in the style of the report."""
    from jena_etl.report.page import Page, Section, Table, render_page

    best, trials = winner(results), ranked(results)
    stopped = sum(one.stopped for one in trials)
    summary = (
        f"{len(trials)} trials, {stopped} of them stopped early. The best has a validation MAE of "
        f"{best.validation_mae:.4g} {unit}: {best.trial.architecture}."
        if best
        else f"{len(trials)} trials, none of them trained to the end."
    )
    labels = [
        f"{rank}. {one.trial.architecture}{', stopped' if one.stopped else ''}"
        for rank, one in enumerate(trials, start=1)
    ]
    table = Table(
        title="the trials",
        heads=("", f"validation MAE, {unit}", "epochs", "parameters", "seconds", "values"),
        rows=[
            (
                label,
                f"{one.validation_mae:.4g}",
                f"{len(one.history)} of {one.epochs}",
                "" if one.parameters is None else f"{one.parameters:,}",
                f"{one.seconds:.0f}",
                ", ".join(f"{key}={value}" for key, value in one.trial.values.items()),
            )
            for label, one in zip(labels, trials, strict=True)
        ],
        quiet=[label for label, one in zip(labels, trials, strict=True) if one.stopped],
    )
    sections = [
        Section("Trials", paragraphs=["The test split was not looked at."], tables=[table]),
        Section("Train the best one in the pipeline", items=[command] if best else ["none yet"]),
    ]
    if errors:
        failed = [f"{key}: {printable(error)}" for key, error in errors.items()]
        sections.append(Section("Failed", items=failed))
    page = Page(
        title=f"Sweep: {name}",
        label=params.report.label or "",
        summary=summary,
        credit=params.report.credit or "",
        sections=sections,
    )
    write_text(path, render_page(page))


def _is_there(raw_params: Mapping[str, Any], path: str) -> bool:
    block: Any = raw_params
    for name in path.split("."):
        if name not in block:
            return False
        block = block[name]
    return True


def _written(value: Value) -> str:
    """A value as Hydra reads it on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)
