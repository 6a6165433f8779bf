"""How `jena-etl inspect` shows what it found in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jena_etl.commands.wording import duration_text, every_text, period_text, timestamp_text
from jena_etl.ingest.source import SourceSummary
from jena_etl.prepare.data_card import DataCard, Gaps, Preset, Readings, Repeats
from jena_etl.prepare.outputs import Counts
from jena_etl.windows.spec import WindowSpec

GAPS_SHOWN = 3  # of holes, and of irregular steps: the longest


def render_inspection(found: dict[str, Any]) -> str:
    """Format the inspection for a terminal."""
    parts = []
    card: DataCard | None = found["data"]
    if card:
        parts += [_source_text(card.source), _data_text(card)]
        parts += [_columns_text(found["columns"]), *_faults_text(card)]
    if found["stations"]:
        parts += [_stations_text(found["stations"])]
    if found["stations_left_out"]:
        parts += [*found["stations_left_out"], ""]
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


def _stations_text(stations: Mapping[str, Any]) -> str:
    """A line for each further station, and below it what is wrong with its data."""
    width = max(len("further station"), *(len(name) + len("  (unseen)") for name in stations)) + 2
    heads = f"{'rows':>9}{'from':>18}{'to':>18}{'train':>12}{'validation':>12}{'test':>12}"
    lines = [f"{'further station':<{width}}{heads}  windows"]
    for name, station in stations.items():
        shown = f"{name} (unseen)" if station["is_unseen"] else name
        first, last = timestamp_text(station["first"]), timestamp_text(station["last"])
        counts = "".join(f"{count:>12,}" for count in station["windows"].values())
        lines.append(f"{shown:<{width}}{station['rows']:>9,}{first:>18}{last:>18}{counts}")
        lines += [f"    {name}: {fault}" for fault in station["faults"]]
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
