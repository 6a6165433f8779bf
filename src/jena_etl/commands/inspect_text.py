"""How `jena-etl inspect` shows what it found in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jena_etl.commands.wording import duration_text, every_text, period_text, timestamp_text
from jena_etl.ingest.source import SourceSummary
from jena_etl.prepare.data_card import DataCard, Gaps, Preset, Readings, Repeats
from jena_etl.prepare.outputs import Counts
from jena_etl.windows.index import SPLITS
from jena_etl.windows.spec import WindowSpec

GAPS_SHOWN = 3  # of holes, and of irregular steps: the longest
SPLIT_HEADS = "".join(f"{split:>12}" for split in SPLITS) + "  windows"


def render_inspection(found: dict[str, Any]) -> str:
    """Format the inspection for a terminal."""
    blocks: list[Iterable[str]] = []
    card: DataCard | None = found["data"]
    if card:
        blocks += [[*_source_lines(card.source), *_data_lines(card)]]
        blocks += [_column_lines(found["columns"]), *_fault_blocks(card)]
    if found["stations"]:
        blocks += [_station_lines(found["stations"])]
    if found["stations_left_out"]:
        blocks += [found["stations_left_out"]]
    if found["splits"]:
        in_force = (found["policy"], found["window"]["gaps"])
        blocks += [_split_lines(found["splits"]), _choice_lines(found["choices"], in_force)]
    if card:
        blocks += [_preset_lines(card.presets)]
    blocks += [_window_lines(found["window"])]
    lines = [line for block in blocks for line in (*block, "")]
    if found["missing"]:
        lines += ["to do", *(f"  {what}" for what in found["missing"].values())]
    return "\n".join(lines)


def _source_lines(source: SourceSummary) -> Iterator[str]:
    kind = "SYNTHETIC data, made by jena-etl synth" if source.synthetic else "station data"
    yield f"{source.name}: {kind}"
    for file in source.files:
        yield f"  {file.bytes:,} bytes, sha256 {file.sha256}"
    yield f"  read: {', '.join(source.members)}"


def _data_lines(card: DataCard) -> Iterator[str]:
    step = f", one {every_text(card.step_seconds)}" if card.step_seconds else ""
    yield f"  {card.rows:,} rows from {period_text(card.first, card.last)}{step}"
    notes = [
        *_gap_notes("holes", card.holes),
        *_gap_notes("irregular", card.irregular),
        *_repeat_notes(card.repeats),
    ]
    if card.left_out:
        notes.append(("left out", ", ".join(card.left_out)))
    if card.constant:
        notes.append(("constant", ", ".join(card.constant)))
    for head, text in notes:
        yield f"    {head:<15}{text}"


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


def _fault_blocks(card: DataCard) -> Iterator[list[str]]:
    """Up to three tables: cells without a measurement, doubtful sensors, implausible values."""
    if card.findings:
        rows = []
        for item in card.findings:
            done = "filled" if item.filled else "KEPT"
            period = period_text(item.first, item.last)
            rows.append((f"{item.column}: {item.kind}, {done}, {period}", item.splits))
        lines = _readings_table("cells that hold no measurement", rows)
        if any(card.target_filled.values()):
            left_out = _by_split(card.target_filled)
            lines.append(f"  windows left out, their target was filled: {left_out}")
        yield lines
    if card.sensors:
        rows = [
            (f"{item.column}, {period_text(item.first, item.last)}: {item}", item.splits)
            for item in card.sensors
        ]
        yield _readings_table("sensors in doubt (a warning; nothing is changed)", rows)
    if card.physics:
        lines = ["values in doubt (a warning; nothing is changed)"]
        for doubt in card.physics:
            rule = "outside" if doubt.check == "range" else "further than rounding from"
            lines.append(
                f"  {doubt.column}: {doubt.cells:,} {rule} {doubt.expected}, "
                f"first {timestamp_text(doubt.first)}; {_by_split(doubt.splits)}"
            )
        yield lines


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


def _in_columns(counts: Iterable[int]) -> str:
    """The numbers of windows under SPLIT_HEADS."""
    return "".join(f"{count:>12,}" for count in counts)


def _column_lines(columns: dict[str, Any]) -> Iterator[str]:
    width = max(len(name) for name in columns)
    heads = ("min", "mean", "max", "train mean", "train std")
    yield "column".ljust(width) + "".join(f"{head:>12}" for head in heads)
    for name, figures in columns.items():
        cells = [figures[head.replace(" ", "_")] for head in heads]
        shown = ("-" if cell is None else f"{cell:,.2f}" for cell in cells)
        yield name.ljust(width) + "".join(f"{cell:>12}" for cell in shown)


def _station_lines(stations: Mapping[str, Any]) -> Iterator[str]:
    """A line for each further station, and below it what is wrong with its data."""
    width = max(len("further station"), *(len(name) + len("  (unseen)") for name in stations)) + 2
    yield f"{'further station':<{width}}{'rows':>9}{'from':>18}{'to':>18}{SPLIT_HEADS}"
    for name, station in stations.items():
        shown = f"{name} (unseen)" if station["is_unseen"] else name
        first, last = timestamp_text(station["first"]), timestamp_text(station["last"])
        counts = _in_columns(station["windows"].values())
        yield f"{shown:<{width}}{station['rows']:>9,}{first:>18}{last:>18}{counts}"
        for fault in station["faults"]:
            yield f"    {name}: {fault}"


def _split_lines(splits: dict[str, Any]) -> Iterator[str]:
    yield f"{'split':<12}{'rows':>21}{'from':>18}{'to':>18}{'windows':>10}{'batches':>9}"
    for name, split in splits.items():
        rows = f"[{split['rows'][0]:,}, {split['rows'][1]:,})"
        first, last = timestamp_text(split["first"]), timestamp_text(split["last"])
        counts = f"{split['windows']:>10,}{split['batches']:>9,}"
        yield f"{name:<12}{rows:>21}{first:>18}{last:>18}{counts}"


def _choice_lines(choices: list[dict[str, Any]], in_force: tuple[str, str]) -> Iterator[str]:
    yield f"{'policy':<12}{'gaps':<8}{SPLIT_HEADS}"
    for choice in choices:
        counts = _in_columns(choice["windows"].values())
        mark = "  in force" if (choice["policy"], choice["gaps"]) == in_force else ""
        yield f"{choice['policy']:<12}{choice['gaps']:<8}{counts}{mark}"


def _preset_lines(presets: Mapping[str, Preset]) -> Iterator[str]:
    yield f"{'preset':<12}{'rows':>8}{SPLIT_HEADS}"
    for name, preset in presets.items():
        yield f"{name:<12}{preset.rows:>8,}{_in_columns(preset.windows.values())}"


def _window_lines(window: dict[str, Any]) -> Iterator[str]:
    spec = WindowSpec(**{key: window[key] for key in WindowSpec.__dataclass_fields__})
    every = window["sampled_every_seconds"]
    words = f"window: {spec.sequence_length} inputs"
    if every:
        words += (
            f", one {every_text(every)} ({duration_text(every * spec.sequence_length)}); "
            f"target {window['target']}, {duration_text(every * spec.horizon)} after the last input"
        )
    yield words
    yield textwrap.indent(str(spec), "  ")
    features, targets = tuple(window["features_shape"]), tuple(window["targets_shape"])
    yield f"  a batch: features {features}, targets {targets}, float32"
