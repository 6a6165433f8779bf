"""A project folder whose trials are trained by a stand-in, in a moment and without TensorFlow.

It keeps to what pipeline/trial.py does: it reads KEY.json, writes a row to KEY.csv after each epoch
and KEY-result.json at the end, and goes on after the epochs that a killed process has left. The
validation MAE of epoch n is units + 1 / n.
"""

from __future__ import annotations

from pathlib import Path

from jena_etl.sweep.place import Place, md5_of
from jena_etl.sweep.search import Search
from jena_etl.sweep.space import Range, Space
from jena_etl.sweep.store import Store

TRIAL = """
import json, os, sys, time
from pathlib import Path

key = sys.argv[1]
folder = Path("checkpoints/sweep/trials")
trial = json.loads((folder / f"{key}.json").read_text())
units, history = trial["values"]["models.dense.units"], folder / f"{key}.csv"
seconds = float(Path("seconds.txt").read_text())
rows = history.read_text().splitlines()[1:] if history.exists() else []
with open("started.txt", "a") as file:
    file.write(f"{key} {units} {len(rows)} {os.getpid()}\\n")
if Path("fault.txt").exists():
    exec(Path("fault.txt").read_text())
for epoch in range(len(rows) + 1, EPOCHS + 1):
    time.sleep(seconds)
    rows.append(f"{epoch},{units + 1 / epoch}")
    part = folder / f"{key}.csv.part"
    part.write_text("\\n".join(["step,val_mae", *rows]) + "\\n")
    part.replace(history)
maes = [float(row.split(",")[1]) for row in rows]
result = {"trial": trial, "validation_mae": min(maes), "history": maes, "epochs": EPOCHS}
result |= {"stopped": False, "parameters": units, "seconds": 1.0}
(folder / f"{key}-result.json").write_text(json.dumps(result))
"""
EPOCHS = 4


def fake_project(root: Path, seconds: float = 0.1) -> Place:
    """Write it; an epoch takes so many seconds."""
    (root / "pipeline").mkdir(parents=True, exist_ok=True)
    (root / "pipeline/__init__.py").touch()
    (root / "pipeline/trial.py").write_text(TRIAL.replace("EPOCHS", str(EPOCHS)))
    (root / "seconds.txt").write_text(str(seconds))
    (root / "features.npy").write_text("arrays")
    return Place.of(root, {"features.npy": str(md5_of(root / "features.npy"))})


def fake_search(trials: int, low: int = 1, high: int = 1_000_000) -> Search:
    """A search over the units."""
    space = Space(
        architectures=("dense",), params={"models.dense.units": Range(low=low, high=high)}
    )
    return Search(
        space=space, trials=trials, seed=0, bases={"dense": "base"}, epochs={"dense": EPOCHS}
    )


def fake_store(root: Path) -> Store:
    """Where such a search is kept."""
    return Store(root, "fake")


def started(root: Path) -> list[tuple[str, int, int, int]]:
    """Each start of a trial: its key, its units, the epochs done before, and the process."""
    path = root / "started.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [line.split() for line in lines]
    return [(key, int(units), int(epochs), int(pid)) for key, units, epochs, pid in rows]
