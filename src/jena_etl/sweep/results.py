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

# The columns of the Parquet file that are not values of the space.
COLUMNS = (
    *("rank", "key", "architecture", "state", "validation_mae", "epochs_done", "epochs"),
    *("parameters", "seconds"),
)
FINISHED, STOPPED = "finished", "stopped"


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

    rows = [_row(rank, one) for rank, one in enumerate(ranked(results), start=1)]
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in COLUMNS}
    columns["history"] = [list(one.history) for one in ranked(results)]
    for name in paths:
        # Numbers stay numbers; a param that may be a number or a word becomes words.
        values = [one.trial.values.get(name) for one in ranked(results)]
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

    best = winner(results)
    rows = [_row(rank, one) for rank, one in enumerate(ranked(results), start=1)]
    stopped = sum(one.stopped for one in results.values())
    summary = (
        f"{len(results)} trials, {stopped} of them stopped early. The best has a validation MAE of "
        f"{best.validation_mae:.4g} {unit}: {best.trial.architecture}."
        if best
        else f"{len(results)} trials, none of them trained to the end."
    )
    names = [
        f"{row['rank']}. {row['architecture']}{', stopped' if row['state'] == STOPPED else ''}"
        for row in rows
    ]
    table = Table(
        title="the trials",
        heads=("", f"validation MAE, {unit}", "epochs", "parameters", "seconds", "values"),
        rows=[
            (
                label,
                f"{row['validation_mae']:.4g}",
                f"{row['epochs_done']} of {row['epochs']}",
                "" if row["parameters"] is None else f"{row['parameters']:,}",
                f"{row['seconds']:.0f}",
                ", ".join(f"{key}={value}" for key, value in one.trial.values.items()),
            )
            for label, row, one in zip(names, rows, ranked(results), strict=True)
        ],
        quiet=[label for label, row in zip(names, rows, strict=True) if row["state"] == STOPPED],
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


def _row(rank: int, result: Result) -> dict[str, Any]:
    return {
        "rank": rank,
        "key": result.trial.key,
        "architecture": result.trial.architecture,
        "state": STOPPED if result.stopped else FINISHED,
        "validation_mae": result.validation_mae,
        "epochs_done": len(result.history),
        "epochs": result.epochs,
        "parameters": result.parameters,
        "seconds": result.seconds,
    }


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
