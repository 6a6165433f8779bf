"""Copies of a project in which measurements are replaced, for `jena-etl audit`."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
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
    outs = {name: _outs(declared[name]) for name in sorted(declared) if "outs" in declared[name]}
    reads = {
        name: {earlier for earlier in outs if outs[earlier] & set(declared[name].get("deps", ()))}
        for name in outs
    }
    in_order = list(TopologicalSorter(reads).static_order())
    from_series = {"convert"}
    for name in in_order:
        if reads[name] & from_series:
            from_series.add(name)
    needed = {name for name in outs if outs[name] & set(declared["train"]["do"]["deps"])}
    for name in reversed(in_order):
        if name in needed:
            needed |= reads[name]
    wanted = (from_series & needed) - {"convert"}
    return {name: _stage(project, name) for name in in_order if name in wanted}


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
        if other == name:
            continue
        if other == project.stations.first:
            series = read_series(project.climate_parquet, project.features_parquet)
            found[other] = train_statistics(series, split_rows(params.split))
        else:
            found[other] = StationProject(project.root, other).own_statistics
    return found


@dataclass(frozen=True)
class Copies:
    """Makes copies of a project in which rows of the series are replaced.

    Attributes:
        project: what is copied, as the first station of the copies; it is only read.
        params: its params.
        stages: what is run in each copy.
        folder: where the copies are made.
        name: the name of the station; empty if the project has no other.
        pool: the statistics of other stations, by name, to pool with those of the copies.
    """

    project: Project
    params: Params
    stages: Mapping[str, Stage]
    folder: Path
    name: str
    pool: Mapping[str, Statistics]

    def make(self, name: str, *, first: int | None = None, sign: int = 1) -> Project:
        """A copy in which the rows from `first` on are replaced; None replaces none."""
        copy = Project(self.folder / name)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in ("params_yaml", "climate_parquet", "findings_parquet", "source_json"):
            source, target = getattr(self.project, path), getattr(copy, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not source.is_file():
                raise not_built(source, "convert")
            shutil.copyfile(source, target)
        self._write_pool(copy)
        if first is not None:
            replace_rows(copy.climate_parquet, first, sign)
        for stage in self.stages.values():
            with contextlib.redirect_stdout(io.StringIO()):
                stage(copy, self.params)
        return Project(copy.root)  # which has read nothing yet

    def _write_pool(self, copy: Project) -> None:
        if not self.pool:
            return
        further = tuple(self.pool)
        stations = StationList(first=self.name, further=further, unseen=(), statistics="pooled")
        for listed in (copy.interim_stations_json, copy.stations_json):
            stations.write(listed)
        for other, statistics in self.pool.items():
            statistics.write(StationProject(copy.root, other).own_statistics_json)


def replace_rows(climate: Path, first: int, sign: int = 1) -> None:
    """Move every measurement of a climate.parquet from row `first` on by one to two spreads.

    Neighbouring rows are moved up and down in turn, so that it shows in a minimum as in a maximum;
    with `sign` 1 the first of them up, with -1 down.
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
