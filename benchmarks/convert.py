"""How fast the zip becomes Parquet, beside pandas: one JSON line on stdout.

Ours is the whole convert stage, every check, count and fill included. The peer reads the same zip
with `read_csv`, the timestamps with `to_datetime`, and writes with `to_parquet`: no checks. The
file is made up, of the original's size and format, and in the page cache. Each turn has a process
of its own, in which neither imports nor params.yaml are timed; peak memory is over that of the
process before it begins.

    python -m benchmarks.convert > figures.json           # a minute; --quick: half
    python -m benchmarks.convert --table figures.json

The peer needs `pip install pandas`.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Figures, command_line, compared, installed, memory, own_process, say
from jena_etl.params import Convert, read_params

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
ROWS, SEED = 420_451, 0
KINDS = {"seconds": "s", "peak memory": "MB"}


def ours(archive: Path, folder: Path, params: Convert) -> None:
    """What the convert stage does."""
    from jena_etl.ingest.convert import convert

    outs = folder / "climate.parquet", folder / "findings.parquet"
    conversion = convert([archive], *outs, params)
    conversion.source.write(folder / "source.json")


def pandas(archive: Path, folder: Path, params: Convert) -> None:
    """As one would write it in a notebook."""
    import pandas as pd

    # pandas opens no zip that holds what macOS left beside the CSV.
    (name,) = params.members or ()
    with zipfile.ZipFile(archive) as opened, opened.open(name) as member:
        frame = pd.read_csv(member)
    timestamps = pd.to_datetime(frame.pop(params.datetime_column), format=params.datetime_format)
    frame.insert(0, params.datetime_column, timestamps)
    frame.to_parquet(folder / "climate.parquet")


def imported(name: str) -> None:
    """Import what `name` needs, so that it is not timed."""
    if name == "pandas":
        import pandas as pd  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    else:
        import polars as pl  # noqa: F401

        import jena_etl.ingest.convert  # noqa: F401


def turn(convert: Callable[[Path, Path, Convert], None], archive: Path) -> dict[str, float]:
    """Seconds and peak memory of one conversion, in a process of its own."""
    imported(convert.__name__)
    params = read_params(PARAMS).convert
    archive.read_bytes()  # into the page cache
    with tempfile.TemporaryDirectory() as folder:
        idle = memory(reset=True)
        start = time.perf_counter()
        convert(archive, Path(folder), params)
        found = {"seconds": time.perf_counter() - start}
        if now := memory():
            found["peak memory"] = now["VmHWM"] - idle["VmRSS"]
    return found


def measured(quick: bool) -> tuple[str, Figures]:  # noqa: FBT001  as the command line calls it
    """Seconds and memory, turn by turn."""
    from jena_etl.ingest.synthetic import write_synthetic

    if not installed("pandas"):
        raise SystemExit("the peer is not installed: pip install pandas")
    taken: dict[str, list[dict[str, float]]] = {"ours": [], "pandas": []}
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "station.zip"
        write_synthetic(archive, rows=ROWS, seed=SEED)
        for _ in range(2 if quick else 7):
            for convert in (ours, pandas):
                with own_process() as process:
                    figures = process.submit(partial(turn, convert, archive)).result()
                say(f"  {convert.__name__}: {figures}")
                taken[convert.__name__].append(figures)
    rows: dict[str, dict[str, Any]] = {}
    for kind, unit in KINDS.items():
        of_both = [[one[kind] for one in turns if kind in one] for turns in taken.values()]
        if of_both[0]:
            rows[f"convert / pandas, {kind}"] = compared(of_both[0], of_both[1], unit)
    return f"{ROWS:,} rows of 14 features", rows


if __name__ == "__main__":
    command_line(__doc__, measured)
