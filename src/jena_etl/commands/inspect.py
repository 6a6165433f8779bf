"""What `jena-etl inspect` finds, collected from the JSON reports of the stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jena_etl.commands.dvc_repo import can_be_pulled
from jena_etl.errors import ProjectError
from jena_etl.params import Params, Split, Window
from jena_etl.params_features import feature_names
from jena_etl.prepare.data_card import DataCard
from jena_etl.prepare.outputs import Splits, Statistics
from jena_etl.prepare.row_ranges import split_rows
from jena_etl.project import Project
from jena_etl.station_project import StationProject, with_own_stages
from jena_etl.windows.spec import WindowSpec


def inspection(project: Project, params: Params) -> dict[str, Any]:
    """All that has been built, and for the rest the command that builds or updates it."""
    missing: dict[str, str] = {}

    def built(name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except ProjectError as error:
            missing[name] = str(error)
            return None

    card = built("data card", lambda: project.data_card)
    statistics = built("statistics", lambda: project.statistics)
    splits = built("splits", lambda: project.splits)
    if statistics and splits:
        built("arrays", lambda: project.windows("train"))
    missing |= _outdated(params, card, statistics, splits)
    untrained = [name for name in params.architectures if not project.model_file(name).is_file()]
    if untrained:
        one = f" (one alone: dvc repro train@{untrained[0]})" if len(untrained) > 1 else ""
        missing["models"] = f"not trained yet: {', '.join(untrained)}; train: dvc repro{one}"
    missing |= _to_be_pulled(project, missing, untrained)
    if isinstance(project, StationProject):
        missing = {what: with_own_stages(text, project.name) for what, text in missing.items()}
    return {
        "data": card,
        "stations": _further_stations(project, missing),
        "stations_left_out": project.stations.left_out_texts,
        "columns": _columns(card, statistics),
        "policy": splits.policy if splits else params.split.policy,
        "splits": splits and _splits(splits, params.train.batch_size),
        "choices": splits and [choice.model_dump(mode="json") for choice in splits.choices],
        "window": _window(_built_window(splits) if splits else params.window, params, card),
        "missing": missing,
    }


def _further_stations(project: Project, missing: dict[str, str]) -> dict[str, Any]:
    """What the files of each further station hold, and what is wrong with them."""
    found: dict[str, Any] = {}
    for name in project.stations.further:
        try:
            station = project.station(name)
            card, splits = station.data_card, station.splits
        except ProjectError as error:
            missing[f"station {name}"] = str(error)
            continue
        found[name] = {
            "is_unseen": name in project.stations.unseen,
            "rows": card.rows,
            "first": card.first,
            "last": card.last,
            "windows": {split: part.windows for split, part in splits.splits.items()},
            "faults": card.faults(station.inspect_command).splitlines(),
        }
    return found


def _outdated(
    params: Params, card: DataCard | None, statistics: Statistics | None, splits: Splits | None
) -> dict[str, str]:
    """What was built from other values than those in params.yaml."""
    outdated = {}
    if splits:
        built = (_built_window(splits), splits.policy)
        if built != (params.window, params.split.policy) or not _are_rows_of(params.split, splits):
            outdated["splits"] = (
                "params.yaml has changed since splits.json was built; update it: dvc repro splits"
            )
    with_features = [*params.convert.columns, *feature_names(params.features)]
    if card and list(card.columns) != list(params.convert.columns):
        outdated["columns"] = (
            "params.yaml names other columns than were converted; update: dvc repro convert"
        )
    elif statistics and list(statistics.columns) != with_features:
        outdated["features"] = (
            "params.yaml names other features than were computed; update: dvc repro splits arrays"
        )
    pinned = {pin for pin in params.download.sha256 or () if pin}
    if card and pinned - {file.sha256 for file in card.source.files}:
        outdated["source"] = (
            "params.yaml pins a file that was not downloaded; fetch it: dvc repro download"
        )
    return outdated


def _are_rows_of(split: Split, splits: Splits) -> bool:
    """Whether the splits hold the rows that params.yaml gives to them."""
    parts = splits.splits
    if not split.dates:
        rows = {name: part.rows for name, part in parts.items()}
        return rows == split_rows(split).row_ranges(np.empty(splits.rows, "datetime64[s]"))
    begins = [np.datetime64(date, "s") for date in split.dates]
    neighbours = ((parts.train, parts.validation), (parts.validation, parts.test))
    return all(
        np.datetime64(earlier.last) < begin <= np.datetime64(later.first)
        for begin, (earlier, later) in zip(begins, neighbours, strict=True)
    )


def _built_window(splits: Splits) -> Window:
    return Window(**splits.window.model_dump(), target=splits.target, gaps=splits.gaps)


def _to_be_pulled(
    project: Project, missing: dict[str, str], untrained: list[str]
) -> dict[str, str]:
    """What need not be built, because a colleague has pushed it, as is usual in a fresh clone."""
    files = {
        "statistics": [project.statistics_json],
        "splits": [project.splits_json],
        "models": [project.model_file(name) for name in untrained],
    }
    absent = {name for name in files if name in missing and not any(map(Path.exists, files[name]))}
    recorded = can_be_pulled(project.root) if absent else set()
    return {
        name: "not here, but dvc.lock records that it was built; fetch it: dvc pull"
        for name in absent
        if all(file.relative_to(project.root).as_posix() in recorded for file in files[name])
    }


def _columns(card: DataCard | None, statistics: Any) -> dict[str, Any] | None:
    if not card:
        return None
    trained = statistics.model_dump()["columns"] if statistics else {}
    return {
        name: {
            **dict(summary),
            "train_mean": trained.get(name, {}).get("mean"),
            "train_std": trained.get(name, {}).get("std"),
        }
        for name, summary in card.columns.items()
    }


def _splits(splits: Splits, batch_size: int) -> dict[str, Any]:
    return {
        name: {
            **split.model_dump(mode="json", include={"rows", "first", "last", "windows"}),
            "batches": -(-split.windows // batch_size),
        }
        for name, split in splits.splits.items()
    }


def _window(window: Window, params: Params, card: DataCard | None) -> dict[str, Any]:
    spec = WindowSpec(**window.model_dump(exclude={"target", "gaps"}))
    step = card.step_seconds if card else None
    batch = params.train.batch_size
    columns = card.columns if card else params.convert.columns
    computed = feature_names(params.features)
    return {
        "target": window.target,
        "gaps": window.gaps,
        **vars(spec),
        "last_input_offset": spec.last_input,
        "target_offset": spec.target,
        "sampled_every_seconds": step and step * spec.sampling_rate,
        "features_shape": [batch, spec.sequence_length, len(columns) + len(computed)],
        "targets_shape": [batch],
    }
