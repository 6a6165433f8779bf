"""Copies of a project in which measurements are replaced, for `jena-etl audit`."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.errors import ProjectError
from jena_etl.files import not_built
from jena_etl.params import Params
from jena_etl.project import Project

Stage = Callable[[Project, Params], None]


def preparing_stages(project: Project) -> dict[str, Stage]:
    """The stages of dvc.yaml that turn what convert writes into what train reads, in order."""
    from ruamel.yaml import YAML

    declared = YAML(typ="safe", pure=True).load(project.root / "dvc.yaml")["stages"]
    outs = {name: _outs(stage) for name, stage in declared.items() if "outs" in stage}
    needed: set[str] = set()
    wanted = set(declared["train"]["do"]["deps"])
    while found := {name for name in outs if outs[name] & wanted} - needed - {"convert"}:
        needed |= found
        wanted |= {dep for name in found for dep in declared[name]["deps"]}
    from_series = {"convert"}
    while found := {
        name
        for name in needed - from_series
        if any(outs[earlier] & set(declared[name]["deps"]) for earlier in from_series)
    }:
        from_series |= found
    ordered = _in_order(from_series - {"convert"}, declared, outs)
    return {name: _stage(project, name) for name in ordered}


def _in_order(
    names: set[str], declared: dict[str, Any], outs: dict[str, set[str]]
) -> Iterator[str]:
    left = set(names)
    while left:
        ready = {
            name
            for name in left
            if not any(outs[other] & set(declared[name]["deps"]) for other in left - {name})
        }
        yield from sorted(ready)
        left -= ready


def _outs(stage: dict[str, Any]) -> set[str]:
    return {out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]}


def _stage(project: Project, name: str) -> Stage:
    root = str(project.root.resolve())
    sys.path.insert(0, root)
    try:
        main: Stage = import_module(f"pipeline.{name}").main
    except (ImportError, AttributeError) as error:
        raise ProjectError(
            f"the stage {name} of dvc.yaml cannot be run from pipeline/{name}.py ({error}); name a "
            "project folder that has its pipeline"
        ) from None
    finally:
        sys.path.remove(root)
    return main


class Copies:
    """Makes copies of a project in which rows of the series are replaced.

    Args:
        project: it is only read.
        params: its params.
        stages: what is run in each copy.
        folder: where the copies are made.
    """

    def __init__(
        self, project: Project, params: Params, stages: Mapping[str, Stage], folder: Path
    ) -> None:
        self._project, self._params, self._stages = project, params, stages
        self._folder = folder

    def make(self, name: str, *, first: int | None = None, sign: int = 1) -> Project:
        """A copy in which the rows from `first` on are replaced; None replaces none."""
        copy = Project(self._folder / name)
        shutil.rmtree(self._folder / name, ignore_errors=True)
        outs = (
            self._project.climate_parquet,
            self._project.findings_parquet,
            self._project.source_json,
        )
        for path in (self._project.params_yaml, *outs):
            target = copy.root / path.relative_to(self._project.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                raise not_built(path, "convert")
            shutil.copyfile(path, target)
        if first is not None:
            replace_rows(copy.climate_parquet, first, sign)
        for stage in self._stages.values():
            with contextlib.redirect_stdout(io.StringIO()):
                stage(copy, self._params)
        return Project(copy.root)  # which has read nothing yet


def replace_rows(climate: Path, first: int, sign: int = 1) -> None:
    """Move every measurement from row `first` on by one to two times its column's spread.

    Neighbouring rows are moved up and down in turn, so that it shows in a minimum as in a maximum.

    Args:
        climate: climate.parquet, which is overwritten.
        first: the first row to replace.
        sign: 1 if it is moved up, -1 if it is moved down.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(climate)
    rows = table.num_rows - first
    generator = np.random.default_rng(first)
    direction = sign * np.where(np.arange(rows) % 2, -1.0, 1.0)
    for at, name in enumerate(table.column_names):
        if table.column(at).type != pa.float64():
            continue
        values = table.column(at).to_numpy().copy()
        spread = float(values.std()) or 1.0
        values[first:] += direction * spread * generator.uniform(1, 2, rows)
        table = table.set_column(at, name, pa.array(values))
    pq.write_table(table, climate)
