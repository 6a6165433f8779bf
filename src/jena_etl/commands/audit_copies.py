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
from jena_etl.prepare.climate import read_series
from jena_etl.prepare.outputs import StationList, Statistics
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.prepare.statistics import train_statistics
from jena_etl.project import Project
from jena_etl.station_project import StationProject

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


def to_pool_with(project: Project, params: Params, name: str) -> dict[str, Statistics]:
    """The statistics of the other stations' train rows, with which those of a station are pooled.

    Empty if they are not pooled, or if no model learns from the station.
    """
    seen = project.stations.seen
    if params.stations.statistics != "pooled" or name not in seen:
        return {}
    found = {}
    for other in seen:
        if other == project.stations.first:
            series = read_series(project.climate_parquet, project.features_parquet)
            found[other] = train_statistics(series, split_rows(params.split))
        else:
            found[other] = Statistics.read(StationProject(project.root, other).own_statistics_json)
    return {other: statistics for other, statistics in found.items() if other != name}


class Copies:
    """Makes copies of a project in which rows of the series are replaced.

    Args:
        project: what is copied, as the first station of the copies; it is only read.
        params: its params.
        stages: what is run in each copy.
        folder: where the copies are made.
        name: the name of the station; empty if the project has no other.
        pool: the statistics of other stations, by name, to pool with those of the copies.
    """

    def __init__(
        self,
        project: Project,
        params: Params,
        stages: Mapping[str, Stage],
        folder: Path,
        *,
        name: str = "",
        pool: Mapping[str, Statistics] | None = None,
    ) -> None:
        self._project, self._params, self._stages = project, params, stages
        self._folder, self._name, self._pool = folder, name, pool or {}

    def make(self, name: str, *, first: int | None = None, sign: int = 1) -> Project:
        """A copy in which the rows from `first` on are replaced; None replaces none."""
        copy = Project(self._folder / name)
        shutil.rmtree(self._folder / name, ignore_errors=True)
        for path in ("params_yaml", "climate_parquet", "findings_parquet", "source_json"):
            source, target = getattr(self._project, path), getattr(copy, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not source.is_file():
                raise not_built(source, "convert")
            shutil.copyfile(source, target)
        self._write_pool(copy)
        if first is not None:
            replace_rows(copy.climate_parquet, first, sign)
        for stage in self._stages.values():
            with contextlib.redirect_stdout(io.StringIO()):
                stage(copy, self._params)
        return Project(copy.root)  # which has read nothing yet

    def _write_pool(self, copy: Project) -> None:
        if not self._pool:
            return
        further = tuple(self._pool)
        stations = StationList(first=self._name, further=further, unseen=(), statistics="pooled")
        for listed in (copy.interim_stations_json, copy.stations_json):
            stations.write(listed)
        for other, statistics in self._pool.items():
            statistics.write(StationProject(copy.root, other).own_statistics_json)


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
