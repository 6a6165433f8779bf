"""What the benchmarks share: turns, ratios, tables, and what they say of the machine.

Contenders take turns (A B C A B C ...), as these machines are shared and noisy. A figure is the
median of its turns, a ratio the median of the ratios within a round, `range` the lowest and highest
of these.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "tensorflow", "keras", "torch", "polars", "pandas")

Figures = dict[str, dict[str, Any]]


def take_turns(measures: Mapping[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """Every measure once a round."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(turns):
        for name, measure in measures.items():
            taken[name].append(measure())
    for name, values in taken.items():
        say(f"  {name}: {rounded(statistics.median(values))}")
    return taken


def compared(ours: list[float], peer: list[float], unit: str = "batches/s") -> dict[str, Any]:
    """A figure made from turns."""
    ratios = [one / other for one, other in zip(ours, peer, strict=True)]
    return {
        "ours": statistics.median(ours),
        "peer": statistics.median(peer),
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "unit": unit,
    }


def missing(why: str) -> dict[str, Any]:
    """A figure that could not be measured."""
    return {"ours": None, "peer": None, "ratio": None, "why": why}


def own_process() -> ProcessPoolExecutor:
    """A fresh process to measure in."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def memory(*, reset: bool = False) -> dict[str, float]:
    """MB of this process by /proc/self/status; empty where that is not known (only Linux has it).

    VmRSS is all that is resident: RssAnon, the process' own, and RssFile, pages of mapped files,
    which belong to the kernel's cache. VmHWM is the peak of VmRSS since a reset.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = (line.split() for line in status.read_text().splitlines())
    return {
        line[0][:-1]: int(line[1]) * 1024 / 1e6
        for line in lines
        if line[0].startswith(("Vm", "Rss"))
    }


def installed(package: str) -> str | None:
    """Its version."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: installed(name) for name in PACKAGES},
    }


def command_line(doc: str, measured: Callable[[bool], tuple[str, Figures]]) -> None:
    """Run a benchmark from the command line: one JSON line on stdout.

    Args:
        doc: the script's docstring; its first line is the help.
        measured: whether to be quick -> what the figures are about, and the figures.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter turns, nothing large")
    parser.add_argument("--markdown", action="store_true", help="print the docs' table too")
    parser.add_argument("--table", type=Path, help="print the table of an earlier run instead")
    arguments = parser.parse_args()
    if arguments.table:
        print(markdown(json.loads(arguments.table.read_text().splitlines()[0])))
        return
    began = time.perf_counter()
    about, figures = measured(arguments.quick)
    result = {
        "about": about,
        "quick": arguments.quick,
        "seconds": time.perf_counter() - began,
        "machine": machine(),
        "figures": figures,
    }
    print(json.dumps(result))
    if arguments.markdown:
        print(markdown(result))


def markdown(result: dict[str, Any]) -> str:
    """A table for the docs."""
    lines = ["| what | ours | peer | ratio |", "|---|--:|--:|--:|"]
    for name, figure in result["figures"].items():
        if figure["ratio"] is None:
            lines.append(f"| {name} | | | {figure['why']} |")
            continue
        ours, peer, ratio = (rounded(figure[key]) for key in ("ours", "peer", "ratio"))
        lines.append(f"| {name} | {ours} {figure['unit']} | {peer} {figure['unit']} | {ratio} |")
    machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items() if value)
    return "\n".join([*lines, "", f"{result['about']}; {machine}"])


def rounded(value: float) -> str:
    """Three digits."""
    return f"{float(f'{value:.3g}'):,.10g}"


def say(text: str) -> None:
    """Progress, to stderr."""
    print(text, file=sys.stderr, flush=True)
