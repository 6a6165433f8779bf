"""What `jena-etl inspect` shows, collected from the JSON reports of the stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jena_etl.commands.dvc_repo import can_be_pulled
from jena_etl.commands.wording import duration_text, every_text, period_text, timestamp_text
from jena_etl.errors import ProjectError
from jena_etl.ingest.source import SourceSummary
from jena_etl.params import Params
from jena_etl.prepare.data_card import (
    DataCard,
    Gaps,
    Preset,
    Readings,
    Repeats,
)
from jena_etl.prepare.outputs import Counts, Splits
from jena_etl.prepare.splits import SplitFractions
from jena_etl.project import Project
from jena_etl.windows.spec import WindowSpec

GAPS_SHOWN = 3  # of holes, and of irregular steps: the longest


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
    window = params.window.model_dump()
    policy = params.split.policy
    if splits:
        built_with = {**splits.window.model_dump(), "target": splits.target, "gaps": splits.gaps}
        fractions = SplitFractions(train=params.split.train, validation=params.split.validation)
        rows = {name: split.rows for name, split in splits.splits.items()}
        expected = (window, policy, fractions.row_ranges(splits.rows))
        if (built_with, splits.policy, rows) != expected:
            missing["splits"] = (
                "params.yaml has changed since splits.json was built; update it: dvc repro splits"
            )
        window, policy = built_with, splits.policy
    if card and list(card.columns) != list(params.convert.columns):
        missing["columns"] = (
            "params.yaml names other columns than were converted; update: dvc repro convert"
        )
    digests = {file.sha256 for file in card.source.files} if card else set()
    pinned = {pin for pin in params.download.sha256 or () if pin}
    if card and pinned - digests:
        missing["source"] = (
            "params.yaml pins a file that was not downloaded; fetch it: dvc repro download"
        )
    untrained = [name for name in params.architectures if not project.model_file(name).is_file()]
    if untrained:
        one = f" (one alone: dvc repro train@{untrained[0]})" if len(untrained) > 1 else ""
        missing["models"] = f"not trained yet: {', '.join(untrained)}; train: dvc repro{one}"
    missing |= _to_be_pulled(project, missing, untrained)
    return {
        "data": card,
        "columns": _columns(card, statistics),
        "policy": policy,
        "splits": splits and _splits(splits, params.train.batch_size),
        "choices": splits and [choice.model_dump(mode="json") for choice in splits.choices],
        "window": _window(window, params, card),
        "missing": missing,
    }


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


def _window(window: dict[str, Any], params: Params, card: DataCard | None) -> dict[str, Any]:
    spec = WindowSpec(**{key: window[key] for key in WindowSpec.__dataclass_fields__})
    step = card.step_seconds if card else None
    batch = params.train.batch_size
    columns = card.columns if card else params.convert.columns
    return {
        "target": window["target"],
        "gaps": window["gaps"],
        **spec.as_dict(),
        "last_input_offset": spec.last_input,
        "target_offset": spec.target,
        "sampled_every_seconds": step and step * spec.sampling_rate,
        "features_shape": [batch, spec.sequence_length, len(columns)],
        "targets_shape": [batch],
    }


def render_inspection(found: dict[str, Any]) -> str:
    """Format the inspection for a terminal."""
    parts = []
    card: DataCard | None = found["data"]
    if card:
        parts += [_source_text(card.source), _data_text(card)]
        parts += [_columns_text(found["columns"]), *_faults_text(card)]
    if found["splits"]:
        in_force = (found["policy"], found["window"]["gaps"])
        parts += [_splits_text(found["splits"]), _choices_text(found["choices"], in_force)]
    if card:
        parts += [_presets_text(card.presets)]
    parts += [_window_text(found["window"])]
    if found["missing"]:
        parts += ["to do", *(f"  {what}" for what in found["missing"].values())]
    return "\n".join(parts)


def _source_text(source: SourceSummary) -> str:
    kind = "SYNTHETIC data, made by jena-etl synth" if source.synthetic else "station data"
    files = [f"  {file.bytes:,} bytes, sha256 {file.sha256}" for file in source.files]
    read = f"  read: {', '.join(source.members)}"
    return "\n".join([f"{source.name}: {kind}", *files, read])


def _data_text(card: DataCard) -> str:
    step = f", one {every_text(card.step_seconds)}" if card.step_seconds else ""
    lines = [f"  {card.rows:,} rows from {period_text(card.first, card.last)}{step}"]
    notes = [
        *_gap_notes("holes", card.holes),
        *_gap_notes("irregular", card.irregular),
        *_repeat_notes(card.repeats),
    ]
    if card.left_out:
        notes.append(("left out", ", ".join(card.left_out)))
    if card.constant:
        notes.append(("constant", ", ".join(card.constant)))
    lines += [f"    {head:<15}{text}" for head, text in notes]
    return "\n".join(lines) + "\n"


def _gap_notes(kind: str, gaps: Gaps) -> Iterator[tuple[str, str]]:
    head = f"{kind} {gaps.count}"
    for gap in gaps.longest[:GAPS_SHOWN]:
        where = f"after {timestamp_text(gap.after)}, {gap.split}"
        yield head, f"{duration_text(gap.seconds)} {where}"
        head = ""
    if gaps.count > GAPS_SHOWN:
        yield "", f"by split: {_by_split(gaps.splits)}"


def _repeat_notes(repeats: Repeats) -> Iterator[tuple[str, str]]:
    if not repeats.count:
        return
    between = f"{timestamp_text(repeats.first)} to {timestamp_text(repeats.last)}"
    place = "removed" if repeats.removed else f"kept: {_by_split(repeats.splits)}"
    yield f"repeats {repeats.count}", f"timestamps logged before, {between}, {place}"
    if repeats.differing:
        yield "", f"{repeats.differing:,} with values that differ from the first row's"


def _faults_text(card: DataCard) -> Iterator[str]:
    """Up to three tables: cells without a measurement, doubtful sensors, implausible values."""
    if card.findings:
        rows = []
        for item in card.findings:
            done = "filled" if item.filled else "KEPT"
            period = period_text(item.first, item.last)
            rows.append((f"{item.column}: {item.kind}, {done}, {period}", item.splits))
        lines = _readings_table("cells that hold no measurement", rows)
        if any(count for _, count in card.target_filled.items()):
            lines.append(
                "  windows left out, their target was filled: " + _by_split(card.target_filled)
            )
        yield "\n".join(lines) + "\n"
    if card.sensors:
        rows = [
            (f"{item.column}, {period_text(item.first, item.last)}: {item}", item.splits)
            for item in card.sensors
        ]
        title = "sensors in doubt (a warning; nothing is changed)"
        yield "\n".join(_readings_table(title, rows)) + "\n"
    if card.physics:
        lines = ["values in doubt (a warning; nothing is changed)"]
        for doubt in card.physics:
            rule = "outside" if doubt.check == "range" else "further than rounding from"
            lines.append(
                f"  {doubt.column}: {doubt.cells:,} {rule} {doubt.expected}, "
                f"first {timestamp_text(doubt.first)}; {_by_split(doubt.splits)}"
            )
        yield "\n".join(lines) + "\n"


def _readings_table(title: str, rows: list[tuple[str, Readings]]) -> list[str]:
    """The title, then a line for each split that holds or reads affected cells."""
    width = max(len(title), *(len(text) + 2 for text, _ in rows)) + 2
    lines = [f"{title:<{width + 12}}{'cells':>9}{'windows':>11}"]
    for text, splits in rows:
        first = f"  {text}"
        for name, found in splits.items():
            if found.cells or found.windows:
                lines.append(f"{first:<{width}}{name:<12}{found.cells:>9,}{found.windows:>11,}")
                first = ""
    return lines


def _by_split(counts: Counts) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)


def _columns_text(columns: dict[str, Any]) -> str:
    width = max(len(name) for name in columns)
    heads = ("min", "mean", "max", "train mean", "train std")
    lines = ["column".ljust(width) + "".join(f"{head:>12}" for head in heads)]
    for name, figures in columns.items():
        cells = [figures[head.replace(" ", "_")] for head in heads]
        shown = ("-" if cell is None else f"{cell:,.2f}" for cell in cells)
        lines.append(name.ljust(width) + "".join(f"{cell:>12}" for cell in shown))
    return "\n".join(lines) + "\n"


def _splits_text(splits: dict[str, Any]) -> str:
    lines = [f"{'split':<12}{'rows':>21}{'from':>18}{'to':>18}{'windows':>10}{'batches':>9}"]
    for name, split in splits.items():
        rows = f"[{split['rows'][0]:,}, {split['rows'][1]:,})"
        first, last = timestamp_text(split["first"]), timestamp_text(split["last"])
        lines.append(
            f"{name:<12}{rows:>21}{first:>18}{last:>18}{split['windows']:>10,}{split['batches']:>9,}"
        )
    return "\n".join(lines) + "\n"


def _choices_text(choices: list[dict[str, Any]], in_force: tuple[str, str]) -> str:
    lines = [f"{'policy':<12}{'gaps':<8}{'train':>12}{'validation':>12}{'test':>12}  windows"]
    for choice in choices:
        counts = "".join(f"{count:>12,}" for count in choice["windows"].values())
        mark = "  in force" if (choice["policy"], choice["gaps"]) == in_force else ""
        lines.append(f"{choice['policy']:<12}{choice['gaps']:<8}{counts}{mark}")
    return "\n".join(lines) + "\n"


def _presets_text(presets: Mapping[str, Preset]) -> str:
    lines = [f"{'preset':<12}{'rows':>8}{'train':>12}{'validation':>12}{'test':>12}  windows"]
    for name, preset in presets.items():
        counts = "".join(f"{count:>12,}" for _, count in preset.windows.items())
        lines.append(f"{name:<12}{preset.rows:>8,}{counts}")
    return "\n".join(lines) + "\n"


def _window_text(window: dict[str, Any]) -> str:
    spec = WindowSpec(**{key: window[key] for key in WindowSpec.__dataclass_fields__})
    every = window["sampled_every_seconds"]
    words = f"window: {spec.sequence_length} inputs"
    if every:
        words += (
            f", one {every_text(every)} ({duration_text(every * spec.sequence_length)}); "
            f"target {window['target']}, {duration_text(every * spec.horizon)} after the last input"
        )
    features, targets = tuple(window["features_shape"]), tuple(window["targets_shape"])
    batch = f"  a batch: features {features}, targets {targets}, float32"
    drawing = "\n".join(f"  {line}" for line in str(spec).splitlines())
    return f"{words}\n{drawing}\n{batch}\n"
