"""What many stations cost: seconds, memory and disk of each stage, for more and more stations.

    python -m benchmarks.stations --stations 1 10 100 > figures.json   # half an hour, 12 GB of disk

The stations are made up; they differ in climate, length and holes. Each stage runs as
`python -m pipeline.STAGE`, without DVC. `memory` is the most that one process had of its own
(RssAnon), looked at every 20 ms. `cpu_seconds` are those of all its threads, which depend less
than `seconds` on what else the machine does. `exponent` is the slope of log CPU seconds over log
stations between the last two numbers of stations: 1 is linear growth. `streaming` is the rate of
shuffled train batches from the memory maps of all stations, and of the first one alone. `peer` is
pandas and Keras' loader on the same zips, as one would write it in a notebook; it needs
`pip install pandas`.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from benchmarks.measure import installed, machine, say
from jena_etl.ingest.synthetic import MEMBER, write_synthetic
from jena_etl.project import open_project
from jena_etl.windows.split_windows import SplitWindows

ROOT = Path(__file__).resolve().parents[1]
FIRST = "s0"
MODEL = "dense"
BATCH, BATCHES, PEER_BATCHES = 256, 340, 100
DIFFERENT = 5  # weathers; more stations repeat them, shifted and cut


def write_stations(folder: Path, count: int, rows: int) -> int:
    """Write zips that differ in climate, length and holes; return their unpacked bytes."""
    texts = []
    for seed in range(min(DIFFERENT, count)):
        archive = folder / f"weather{seed}.zip"
        write_synthetic(archive, rows=rows, seed=seed)
        with zipfile.ZipFile(archive) as opened:
            texts.append(opened.read(MEMBER).splitlines(keepends=True))
        archive.unlink()
    unpacked = 0
    for number in range(count):
        head, *lines = texts[number % DIFFERENT]
        rng = np.random.default_rng(number)
        kept = lines[: len(lines) - int(rng.integers(0, rows // 50))]
        for hole in sorted(rng.integers(0, len(kept) - 200, 5).tolist(), reverse=True):
            del kept[hole : hole + int(rng.integers(1, 200))]
        text = b"".join([head, *kept])
        unpacked += len(text)
        with zipfile.ZipFile(folder / f"s{number}.zip", "w", zipfile.ZIP_DEFLATED, True, 1) as out:
            out.writestr(MEMBER, text)
    return unpacked


def write_project(folder: Path, count: int) -> None:
    """A project with these stations, whose one model is trained for an epoch."""
    for name in ("pipeline", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "dvc.yaml", folder / "dvc.yaml")
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["download"].update(url=f"{FIRST}.zip", bytes=None)
    further = {f"s{n}": {"download": {"url": f"s{n}.zip"}} for n in range(1, count)}
    params["stations"].update(first=FIRST, further=further)
    params["window"].update(gaps="drop")
    params["architectures"] = [MODEL]
    params["models"][MODEL].update(epochs=1)
    yaml.dump(params, folder / "params.yaml")


@dataclass
class Cost:
    """What a stage has cost, over all stations that it was run for."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0


def run_stage(folder: Path, *stage: str) -> Cost:
    """The cost of a stage; the memory is the most MB of its own that its process had."""
    began, cpu, peak = time.perf_counter(), cpu_of_children(), 0.0
    command = [sys.executable, "-m", f"pipeline.{stage[0]}", *stage[1:]]
    with subprocess.Popen(  # noqa: S603  the project's own stages
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            peak = max(peak, own_memory(process.pid))
            time.sleep(0.02)
        if process.returncode:
            raise SystemExit((process.stderr.read() if process.stderr else b"").decode())
    return Cost(time.perf_counter() - began, cpu_of_children() - cpu, peak)


def cpu_of_children() -> float:
    """CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def own_memory(process: int) -> float:
    """MB that belong to a process alone; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
    return int(found[0]) * 1024 / 1e6 if found else 0.0


def peer(folder: Path) -> None:
    """As one would write it in a notebook: pandas, one array of all stations, Keras' loader.

    Without checks, and its windows reach from one station into the next. Prints its figures.
    """
    import keras
    import pandas as pd

    began = time.perf_counter()
    arrays = []
    for archive in sorted(folder.glob("s*.zip")):
        with zipfile.ZipFile(archive) as opened, opened.open(MEMBER) as member:
            frame = pd.read_csv(member).drop(columns="Date Time")
        values = frame.to_numpy(np.float32)
        train = values[: len(values) // 2]
        arrays.append((values - train.mean(axis=0)) / train.std(axis=0))
    together = np.concatenate(arrays)
    ready = time.perf_counter() - began
    batches = iter(
        keras.utils.timeseries_dataset_from_array(
            together[:-858],
            together[858:, 1],
            sequence_length=120,
            sampling_rate=6,
            batch_size=BATCH,
            shuffle=True,
            seed=0,
        )
    )
    next(batches)
    began = time.perf_counter()
    for _ in range(PEER_BATCHES):
        next(batches)
    rate = PEER_BATCHES / (time.perf_counter() - began)
    print(json.dumps({"seconds": ready, "batches_per_second": rate}))


def run_peer(folder: Path) -> dict[str, float]:
    """The peer's figures, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.stations", "--peer", str(folder)]
    peak = 0.0
    with subprocess.Popen(  # noqa: S603  this script
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            peak = max(peak, own_memory(process.pid))
            time.sleep(0.02)
        text = process.stdout.read() if process.stdout else b""
    return {**(json.loads(text.splitlines()[-1]) if text else {}), "memory_mb": peak}


def batches_per_second(windows: SplitWindows, *, feed: bool) -> float:
    """The rate of shuffled batches of tf.data or, without, of NumPy; after some that warm up."""
    read = windows.dataset if feed else windows.batches
    batches = iter(read(BATCH, shuffle=True))
    for _ in range(BATCHES // 10):
        next(batches)
    began = time.perf_counter()
    for _ in range(BATCHES):
        next(batches)
    return BATCHES / (time.perf_counter() - began)


def streaming(pooled: SplitWindows, alone: SplitWindows, *, feed: bool) -> dict[str, float]:
    """Batches a second of all stations and of the first one alone, measured in turns."""
    rates = [
        (batches_per_second(pooled, feed=feed), batches_per_second(alone, feed=feed))
        for _ in range(5)
    ]
    return {
        "pooled": float(np.median([one for one, _ in rates])),
        "first_alone": float(np.median([one for _, one in rates])),
        "ratio": float(np.median([one / other for one, other in rates])),
    }


def measure(count: int, rows: int) -> dict[str, Any]:
    """All figures for so many stations."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpacked = write_stations(folder, count, rows)
        say(f"{count} stations, {unpacked / 1e6:,.0f} MB of CSV")
        write_project(folder, count)
        stages: dict[str, Cost] = {}

        def run(*stage: str) -> None:
            found, total = run_stage(folder, *stage), stages.setdefault(stage[0], Cost())
            total.seconds += found.seconds
            total.cpu_seconds += found.cpu_seconds
            total.memory_mb = max(total.memory_mb, found.memory_mb)

        others = [f"s{number}" for number in range(1, count)]
        for stage in ("check", "download", "convert", "features"):
            run(stage)
        for other in others:
            run("download_station", other)
            run("convert_station", other)
        for stage in ("statistics", "splits", "arrays"):
            run(stage)
        for other in others:
            run("prepare_station", other)
        for last in (["baseline"], ["train", MODEL], ["evaluate"], ["report"]):
            run(*last)
        for stage, cost in stages.items():
            say(
                f"  {stage}: {cost.seconds:.1f} s, {cost.cpu_seconds:.1f} s of CPU, "
                f"{cost.memory_mb:,.0f} MB"
            )
        project = open_project(folder)
        both = project.windows("train"), project.series_windows("train")
        outs = [*(folder / "data").rglob("*"), *(folder / "models").rglob("*")]
        return {
            "stations": count,
            "rows": sum(project.station(n).splits.rows for n in project.stations.names) or rows,
            "unpacked_mb": unpacked / 1e6,
            "outs_mb": sum(file.stat().st_size for file in outs if file.is_file()) / 1e6,
            "stages": {stage: asdict(cost) for stage, cost in stages.items()},
            "peer": run_peer(folder) if installed("pandas") else None,
            "streaming": {
                "tf.data": streaming(*both, feed=True),
                "NumPy": streaming(*both, feed=False),
            },
        }


def exponents(smaller: dict[str, Any], larger: dict[str, Any]) -> dict[str, float]:
    """How the CPU seconds of each stage grow with the number of stations."""
    grown = math.log(larger["stations"] / smaller["stations"])
    seconds = [
        {stage: figures["cpu_seconds"] for stage, figures in found["stages"].items()}
        for found in (smaller, larger)
    ]
    return {
        stage: math.log(seconds[1][stage] / seconds[0][stage]) / grown
        for stage in seconds[0]
        if stage in seconds[1]
    }


def main() -> None:
    """Measure each number of stations in turn; one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stations", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--rows", type=int, default=420_451)
    parser.add_argument("--peer", type=Path, help="measure the peer on these stations instead")
    arguments = parser.parse_args()
    if arguments.peer:
        peer(arguments.peer)
        return
    found = [measure(count, arguments.rows) for count in arguments.stations]
    grown = exponents(*found[-2:]) if len(found) > 1 else {}
    print(json.dumps({"machine": machine(), "figures": found, "exponent": grown}))


if __name__ == "__main__":
    main()
