"""What `jena-etl inspect` shows: put together from the stages' small JSON reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jena_etl.commands.wording import duration_text, timestamp_text
from jena_etl.errors import ProjectError
from jena_etl.params import Params
from jena_etl.prepare.splits import split_rows
from jena_etl.project import Project
from jena_etl.windows.spec import WindowSpec


def inspection(project: Project, params: Params) -> dict[str, Any]:
    """Everything that is built; what is not, or is out of date, with the command that builds it."""
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
        built_with = {**splits["window"], **{key: splits[key] for key in ("target", "gaps")}}
        ranges = split_rows(
            splits["rows"], train=params.split.train, validation=params.split.validation
        )
        rows = {name: [part.start, part.stop] for name, part in ranges.items()}
        built_rows = {name: part["rows"] for name, part in splits["splits"].items()}
        if (built_with, splits["policy"], built_rows) != (window, policy, rows):
            missing["splits"] = (
                "params.yaml has changed since splits.json was built: dvc repro splits"
            )
        window, policy = built_with, splits["policy"]
    if card and list(card["columns"]) != list(params.convert.columns):
        missing["columns"] = (
            "params.yaml names other columns than were converted: dvc repro convert"
        )
    digests = {file["sha256"] for file in card["source"]["files"]} if card else set()
    pinned = {pin for pin in params.download.sha256 or () if pin}
    if card and pinned - digests:
        missing["source"] = "params.yaml pins another file than was downloaded: dvc repro download"
    untrained = [name for name in params.architectures if not project.model_file(name).is_file()]
    if untrained:
        one = f" (one alone: dvc repro train@{untrained[0]})" if len(untrained) > 1 else ""
        missing["models"] = f"not trained yet: {', '.join(untrained)}; train: dvc repro{one}"
    return {
        "source": card and card["source"],
        "data": card and {key: card[key] for key in card if key not in ("source", "columns")},
        "columns": _columns(card, statistics),
        "policy": policy,
        "splits": splits and _splits(splits, params.train.batch_size),
        "choices": splits and splits["choices"],
        "window": _window(window, params, card),
        "missing": missing,
    }


def _columns(card: Any, statistics: Any) -> dict[str, Any] | None:
    if not card:
        return None
    trained = statistics["columns"] if statistics else {}
    return {
        name: {
            **figures,
            "train_mean": trained.get(name, {}).get("mean"),
            "train_std": trained.get(name, {}).get("std"),
        }
        for name, figures in card["columns"].items()
    }


def _splits(splits: Any, batch_size: int) -> dict[str, Any]:
    return {
        name: {
            **{key: split[key] for key in ("rows", "first", "last", "windows")},
            "batches": -(-split["windows"] // batch_size),
        }
        for name, split in splits["splits"].items()
    }


def _window(window: dict[str, Any], params: Params, card: Any) -> dict[str, Any]:
    spec = WindowSpec(**{key: window[key] for key in WindowSpec.__dataclass_fields__})
    step = card["step_seconds"] if card else None
    batch = params.train.batch_size
    columns = card["columns"] if card else params.convert.columns
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
    """The inspection as text for a terminal."""
    parts = []
    if found["data"]:
        parts += [_source_text(found["source"]), _data_text(found["data"])]
        parts += [_columns_text(found["columns"]), *_faults_text(found["data"])]
    if found["splits"]:
        in_force = (found["policy"], found["window"]["gaps"])
        parts += [_splits_text(found["splits"]), _choices_text(found["choices"], in_force)]
    if found["data"]:
        parts += [_presets_text(found["data"]["presets"])]
    parts += [_window_text(found["window"])]
    if found["missing"]:
        parts += ["to do", *(f"  {what}" for what in found["missing"].values())]
    return "\n".join(parts)


def _source_text(source: dict[str, Any]) -> str:
    kind = "SYNTHETIC data, made by jena-etl synth" if source["synthetic"] else "station data"
    files = [f"  {each['bytes']:,} bytes, sha256 {each['sha256']}" for each in source["files"]]
    read = f"  read: {', '.join(source['members'])}"
    return "\n".join([f"{source['name']}: {kind}", *files, read])


def _data_text(data: dict[str, Any]) -> str:
    last = timestamp_text(data["last"])
    step = f", one every {duration_text(data['step_seconds'])}" if data["step_seconds"] else ""
    lines = [f"  {data['rows']:,} rows from {timestamp_text(data['first'])} to {last}{step}"]
    for kind in ("holes", "irregular"):
        for at, item in enumerate(data[kind]["longest"][:3]):
            head = f"{kind} {data[kind]['count']}" if at == 0 else ""
            length, after = duration_text(item["seconds"]), timestamp_text(item["after"])
            lines.append(f"    {head:<15}{length} after {after}, {item['split']}")
        if data[kind]["count"] > 3:  # noqa: PLR2004  as many as are shown above
            lines.append(f"    {'':<15}by split: {_by_split(data[kind]['splits'])}")
    repeats = data["repeats"]
    if repeats["count"]:
        head = f"repeats {repeats['count']}"
        between = f"{timestamp_text(repeats['first'])} to {timestamp_text(repeats['last'])}"
        place = "removed" if repeats["removed"] else f"kept: {_by_split(repeats['splits'])}"
        lines.append(f"    {head:<15}timestamps logged before, {between}, {place}")
        if repeats["differing"]:
            lines.append(
                f"    {'':<15}{repeats['differing']:,} with other values than the first time"
            )
    if data["left_out"]:
        lines.append(f"    {'left out':<15}{', '.join(data['left_out'])}")
    if data["constant"]:
        lines.append(f"    {'constant':<15}{', '.join(data['constant'])}")
    return "\n".join(lines) + "\n"


def _faults_text(data: dict[str, Any]) -> list[str]:
    """A table of the cells that were no measurement, and one of those in doubt; or neither."""
    tables = []
    if data["findings"]:
        rows = []
        for item in data["findings"]:
            done = "filled" if item["filled"] else "KEPT"
            said = f"  {item['column']}: {item['kind']}, {done}, {_when(item)}"
            for name, split in item["splits"].items():
                if split["cells"] or split["windows"]:
                    rows.append((said, name, split["cells"], split["windows"]))
                    said = ""
        title = "cells that hold no measurement"
        width = max(len(said) for said, *_ in [*rows, (title,)]) + 2
        lines = [f"{title:<{width + 12}}{'cells':>9}{'windows':>11}"]
        lines += [
            f"{said:<{width}}{name:<12}{cells:>9,}{windows:>11,}"
            for said, name, cells, windows in rows
        ]
        if any(data["target_filled"].values()):
            lines.append(
                "  windows left out, their target was filled: " + _by_split(data["target_filled"])
            )
        tables.append("\n".join(lines) + "\n")
    if data["physics"]:
        lines = ["values in doubt (a warning; nothing is changed)"]
        for item in data["physics"]:
            rule = "outside" if item["check"] == "range" else "further than rounding from"
            lines.append(
                f"  {item['column']}: {item['cells']:,} {rule} {item['expected']}, "
                f"first {timestamp_text(item['first'])}; {_by_split(item['splits'])}"
            )
        tables.append("\n".join(lines) + "\n")
    return tables


def _when(item: dict[str, Any]) -> str:
    first, last = timestamp_text(item["first"]), timestamp_text(item["last"])
    return first if first == last else f"{first} to {last}"


def _by_split(counts: dict[str, int]) -> str:
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


def _presets_text(presets: dict[str, Any]) -> str:
    lines = [f"{'preset':<12}{'rows':>8}{'train':>12}{'validation':>12}{'test':>12}  windows"]
    for name, preset in presets.items():
        counts = "".join(f"{count:>12,}" for count in preset["windows"].values())
        lines.append(f"{name:<12}{preset['rows']:>8,}{counts}")
    return "\n".join(lines) + "\n"


def _window_text(window: dict[str, Any]) -> str:
    spec = WindowSpec(**{key: window[key] for key in WindowSpec.__dataclass_fields__})
    every = window["sampled_every_seconds"]
    words = f"window: {spec.sequence_length} inputs"
    if every:
        words += (
            f", one every {duration_text(every)} ({duration_text(every * spec.sequence_length)}); "
            f"target {window['target']}, {duration_text(every * spec.horizon)} after the last input"
        )
    features, targets = tuple(window["features_shape"]), tuple(window["targets_shape"])
    batch = f"  a batch: features {features}, targets {targets}, float32"
    drawing = "\n".join(f"  {line}" for line in str(spec).splitlines())
    return f"{words}\n{drawing}\n{batch}\n"
