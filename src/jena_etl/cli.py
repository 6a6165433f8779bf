"""The command line: each command parses its arguments and calls one function of `commands/`.

Heavy imports happen inside the commands, so that `--help` starts at once.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jena_etl import __version__
from jena_etl.errors import JenaEtlError, ProjectError, SweepError, one_line
from jena_etl.text import printable

if TYPE_CHECKING:
    from jena_etl.project import Project

app = typer.Typer(
    help="From a station's zip to scored forecasts. The pipeline itself runs with `dvc repro`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: an error is two lines, and --help starts at once
)


ProjectFolder = Annotated[
    Path | None,
    typer.Argument(help="The project folder; by default, the one you are in."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Replace = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


def _show(text: str, *, err: bool = False) -> None:
    """Print text, with control characters and terminal escapes made visible."""
    typer.echo(printable(text), err=err)


def _json(found: object) -> str:
    return json.dumps(found, indent=2, default=lambda part: part.model_dump(mode="json"))


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        _show(f"warning: {warning}", err=True)


def _opened(folder: Path | None = None) -> Project:
    """The project in `folder`, by default the one that the current folder lies in."""
    from jena_etl.project import find_project, open_project

    return find_project() if folder is None else open_project(folder)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  Typer calls it so
    if wanted:
        typer.echo(f"jena-etl {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show a traceback for an error.")] = False,
) -> None:
    """Options of every command."""


@app.command()
def inspect(
    project: ProjectFolder = None,
    *,
    models: Annotated[
        bool, typer.Option("--models", help="Show the architectures instead; takes some seconds.")
    ] = False,
    station: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show one of several stations alone.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw the data instead, as SVG files in this folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the source, the columns, the splits and the window; or the models; or pictures."""
    from jena_etl.commands.inspect import inspection
    from jena_etl.commands.inspect_text import render_inspection
    from jena_etl.commands.models import model_summary, render_models
    from jena_etl.models import configure_all
    from jena_etl.params import read_params

    opened = _opened(project)
    if station:
        opened = opened.station(station)
    if plots:
        from jena_etl.commands.plots import write_data_pictures

        for path in write_data_pictures(opened, plots):
            _show(str(path))
        return
    params = read_params(opened.params_yaml)
    configure_all(params)
    if station in params.stations.further:
        own = {
            "download": params.station_sources(station),
            "convert": params.station_dialect(station),
        }
        params = params.model_copy(update=own)
    found = model_summary(params) if models else inspection(opened, params)
    words = render_models if models else render_inspection
    _show(_json(found) if as_json else words(found))


@app.command()
def forecast(
    *,
    model: Annotated[
        str,
        typer.Option(help="A trained architecture, an ensemble, best, or a .keras file."),
    ] = "best",
    at: Annotated[
        str | None,
        typer.Option(metavar="TIMESTAMP", help="Issue it at this row, not at the last one."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="A newer export of the station (.csv, .csv.gz or .zip)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Forecast the target from the latest measurements, with a drawing of the last 24 hours."""
    from jena_etl.commands.forecast import issue, render_forecast

    try:
        project = _opened()
    except ProjectError:
        if not model.endswith(".keras"):
            raise
        project = None
    issued = issue(project, model=model, at=at, source=source)
    _warn(issued.forecast.warnings)
    _show(_json(issued.forecast) if as_json else render_forecast(issued, sys.stdout.encoding))


@app.command()
def score(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="NEW.csv", help="A later export of the station (.csv, .csv.gz or .zip)."
        ),
    ],
    *,
    model: Annotated[
        str,
        typer.Option(help="A trained architecture, an ensemble, or best."),
    ] = "best",
    as_json: AsJson = False,
) -> None:
    """Test a model on a later export: its MAE beside the naive one, and how the data differ."""
    from jena_etl.commands.score import render_score
    from jena_etl.commands.score import score as score_export
    from jena_etl.params import read_params

    project = _opened()
    found = score_export(project, read_params(project.params_yaml), file, model=model)
    _warn(found.warnings)
    _show(_json(found) if as_json else render_score(found))


@app.command()
def audit(
    project: ProjectFolder = None,
    *,
    weights: Annotated[
        bool, typer.Option(help="Also train a small model twice, for an epoch each.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Look for leaks: replace later measurements and see what changes; a leak exits with 1."""
    from jena_etl.commands.audit import audit as audits
    from jena_etl.commands.audit import train_epoch
    from jena_etl.params import read_params

    opened = _opened(project)
    checks = []
    for check in audits(
        opened, read_params(opened.params_yaml), train=train_epoch if weights else None
    ):
        checks.append(check)
        if not as_json:
            _show(str(check))
    if as_json:
        _show(_json(checks))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command()
def export(
    model: Annotated[
        str, typer.Argument(metavar="NAME", help="A trained architecture, an ensemble, or best.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    *,
    force: Replace = False,
) -> None:
    """Write a model as ONNX: measurements in their units in, the target in its own unit out."""
    from jena_etl.commands.export import export as export_model

    _show(export_model(_opened(), model, out, replace=force))


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="REV", help="A commit, branch or tag.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the SVG files.")],
) -> None:
    """Draw the scores of a git revision beside those of the workspace (dvc metrics diff)."""
    from jena_etl.commands.diff import write_difference

    for path in write_difference(_opened(), revision, folder):
        _show(str(path))


@app.command()
def doctor(
    project: ProjectFolder = None,
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute every hash, DVC's cache included.")
    ] = False,
    remote: Annotated[
        bool,
        typer.Option("--remote", help="Check the remote instead: does it have all that git names?"),
    ] = False,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="First repair a dvc.lock or rwlock that a kill or merge damaged; with --remote, "
            "remove from it what is damaged and can be pushed again.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check environment, params, pipeline, data, cache, disk and GPU; a fault gives exit code 1."""
    from jena_etl.commands import doctor as doctors

    opened = _opened(project)
    root = opened.root.resolve()
    if mend:
        mended = doctors.mend_remote(root, verify=verify) if remote else doctors.mend(root)
        for step in mended:
            _show(step, err=True)
    if root != Path.cwd():
        _show(f"type these commands in {root}: cd {os.path.relpath(root)}", err=True)
    examine = doctors.examine_remote if remote else doctors.examine
    checks = examine(opened, verify=verify)
    _show(_json(doctors.as_dict(checks)) if as_json else doctors.render_checks(checks))
    if any(check.mark == "fault" for check in checks):
        raise typer.Exit(1)


@app.command("merge-lock")
def merge_lock(
    base: Annotated[Path, typer.Argument(metavar="%O", help="The common ancestor's version.")],
    ours: Annotated[Path, typer.Argument(metavar="%A", help="Our version, which is replaced.")],
    theirs: Annotated[Path, typer.Argument(metavar="%B", help="The other side's version.")],
    path: Annotated[
        str, typer.Argument(metavar="[%P]", help="The file's path in the repository.")
    ] = "dvc.lock",
) -> None:
    """Merge dvc.lock stage by stage: git's merge driver; a conflict gives exit code 1."""
    from jena_etl.commands.merge_lock import merge_files

    merge = merge_files(base, ours, theirs, path)
    if str(merge):
        _show(f"{path}: {merge}", err=True)
    if merge.conflicts:
        _show(
            f"resolve params.yaml and the code, then: git add {path} && dvc pull && dvc repro",
            err=True,
        )
        raise typer.Exit(1)


@app.command()
def peek(
    file: Annotated[Path, typer.Argument(help="A .csv, a .csv.gz, or a .zip of CSV files.")],
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write the guess and the file's path to params.yaml.")
    ] = False,
) -> None:
    """Guess the convert and window blocks for your own file, with a reason for each value."""
    from jena_etl.commands.peek import peek as peek_at
    from jena_etl.commands.peek_write import render_guess, split_in_force, write_guess

    project = _opened() if write else None  # before the file is read, which may take a while
    guess = peek_at(file, split_in_force())
    changes = write_guess(guess, file, project) if project else []
    _show(render_guess(guess).rstrip("\n"))
    if project:
        changed = (
            ["changed in params.yaml:", *changes]
            if changes
            else ["params.yaml already says this; nothing changed"]
        )
        _show("\n".join(["", *changed, "next: dvc repro"]), err=True)
    else:
        command = shlex.join(["jena-etl", "peek", str(file), "--write"])
        _show(f"\nto write this to params.yaml: {command}; then: dvc repro", err=True)


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The file to write.")],
    rows: Annotated[int, typer.Option(min=1, help="One row is 10 minutes; a year has 52,560.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same bytes.")],
    *,
    force: Replace = False,
) -> None:
    """Write a synthetic station file in the format of the original download."""
    from jena_etl.ingest.synthetic import write_synthetic

    write_synthetic(out, rows=rows, seed=seed, replace=force)
    _show(f"{out}: {rows:,} synthetic rows, {out.stat().st_size:,} bytes")


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Where to run it; by default, demo/ in the checkout."),
    ] = None,
) -> None:
    """Run the whole pipeline on a synthetic station, in a folder of its own."""
    from jena_etl.commands.demo import find_checkout, prepare, reproduce

    checkout = find_checkout(Path.cwd())
    prepared = prepare(checkout, folder or checkout / "demo")
    _show(f"The whole pipeline on a synthetic station, in {os.path.relpath(prepared)}", err=True)
    _show(reproduce(prepared))


@app.command()
def sweep(
    space: Annotated[
        Path | None,
        typer.Argument(metavar="SPACE.yaml", help="The params to search; see docs/sweeps.md."),
    ] = None,
    *,
    leaderboard: Annotated[
        bool,
        typer.Option("--leaderboard", help="Train the project's own models, as dvc repro does."),
    ] = False,
    trials: Annotated[
        int, typer.Option(min=1, help="Trials in all, those of earlier calls included.")
    ] = 20,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the sampler that draws the trials.")
    ] = 0,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A Ray cluster that this machine is a node of."),
    ] = None,
    cpus_per_trial: Annotated[
        float, typer.Option(min=0.1, help="Cores that each training is counted with.")
    ] = 1,
    gpus_per_trial: Annotated[
        float, typer.Option(min=0, help="Share of a GPU for each training, if there is one.")
    ] = 0.25,
) -> None:
    """Train side by side on a Ray cluster, by default one on this machine alone."""
    from jena_etl.commands.sweep import sweep_leaderboard, sweep_space
    from jena_etl.sweep.cluster import RayCluster

    cluster = RayCluster(address=address, cpus=cpus_per_trial, gpus=gpus_per_trial)
    if leaderboard == (space is not None):
        raise SweepError("name a SPACE.yaml or add --leaderboard, exactly one of the two")
    project = _opened()
    if space is None:
        _show(sweep_leaderboard(project, cluster))
    else:
        _show(sweep_space(project, space, trials=trials, seed=seed, cluster=cluster))


def run() -> None:
    """Run the command line; a user's mistake ends in one or two lines and exit code 2."""
    try:
        app()
    except (JenaEtlError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        _show(f"error: {one_line(error)}", err=True)
        sys.exit(2)
