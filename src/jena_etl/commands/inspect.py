"""What `jena-etl inspect` finds, collected from the JSON reports of the stages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jena_etl.commands.dvc_repo import can_be_pulled
from jena_etl.errors import ProjectError
from jena_etl.params import Params, Window
from jena_etl.params_features import feature_names
from jena_etl.prepare.data_card import (
    DataCard,
)
from jena_etl.prepare.outputs import Splits, Statistics
from jena_etl.prepare.splits import SplitFractions
from jena_etl.project import Project
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
    return {
        "data": card,
        "columns": _columns(card, statistics),
        "policy": splits.policy if splits else params.split.policy,
        "splits": splits and _splits(splits, params.train.batch_size),
        "choices": splits and [choice.model_dump(mode="json") for choice in splits.choices],
        "window": _window(_built_window(splits) if splits else params.window, params, card),
        "missing": missing,
    }


def _outdated(
    params: Params, card: DataCard | None, statistics: Statistics | None, splits: Splits | None
) -> dict[str, str]:
    """What was built from other values than those in params.yaml."""
    outdated = {}
    if splits:
        fractions = SplitFractions(train=params.split.train, validation=params.split.validation)
        rows = {name: split.rows for name, split in splits.splits.items()}
        expected = (params.window, params.split.policy, fractions.row_ranges(splits.rows))
        if (_built_window(splits), splits.policy, rows) != expected:
            outdated["splits"] = (
                "params.yaml has changed since splits.json was built; update it: dvc repro splits"
            )
    if card and list(card.columns) != list(params.convert.columns):
        outdated["columns"] = (
            "params.yaml names other columns than were converted; update: dvc repro convert"
        )
    elif statistics and list(statistics.columns) != [
        *params.convert.columns,
        *feature_names(params.features),
    ]:
        outdated["features"] = (
            "params.yaml names other features than were computed; update: dvc repro splits arrays"
        )
    pinned = {pin for pin in params.download.sha256 or () if pin}
    if card and pinned - {file.sha256 for file in card.source.files}:
        outdated["source"] = (
            "params.yaml pins a file that was not downloaded; fetch it: dvc repro download"
        )
    return outdated


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
