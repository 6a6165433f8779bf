"""On a real cluster of two nodes: what is lost when a part of it is, and what is not.

The trials are those of fake_project.py, an epoch of which takes a moment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from jena_etl.sweep.place import FOLDER
from tests.sweep.fake_project import EPOCHS, fake_project, fake_store, started
from tests.sweep.two_nodes import SMALL, two_nodes

pytestmark = pytest.mark.nightly

# What whoever starts a sweep runs; it prints why trials have failed.
DRIVER = """
import json, sys
from pathlib import Path
from jena_etl.errors import JenaEtlError
from jena_etl.sweep.cluster import RayCluster, joined, room_for_each
from jena_etl.sweep.place import Place, check_nodes, md5_of
from jena_etl.sweep.search import search
from tests.sweep.fake_project import fake_search, fake_store
root, address, trials = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
place = Place.of(root, {"features.npy": str(md5_of(root / "features.npy"))})
cluster = RayCluster(address=address, cpus=1, gpus=0.25)
try:
    with joined(cluster) as ray:
        check_nodes(ray, place)
        room = room_for_each(ray, cluster, "cpu")
        print(json.dumps(search(fake_search(trials), fake_store(root), place, room)))
except JenaEtlError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a core each."""
    with two_nodes() as made:
        yield made


def start(root: Path, cluster: Any, trials: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(root), cluster.address, str(trials)]
    checkout = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": checkout},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(driver: subprocess.Popen[str], *, fails: bool = False) -> Any:
    """What it has printed: why trials have failed, or why it has."""
    out, err = driver.communicate(timeout=300)
    assert (driver.returncode != 0) == fails, err
    return err if fails else json.loads(out.splitlines()[-1])


def wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + 240
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def two_have_an_epoch(root: Path) -> bool:
    """Whether two trials run, each of which has a checkpoint to go on from."""
    keys = {key for key, *_ in started(root)}
    files = [root / f"checkpoints/sweep/trials/{key}.csv" for key in keys]
    return len(files) > 1 and all(file.exists() for file in files)


def assert_each_once(root: Path, trials: int) -> None:
    """None is lost, none is counted twice."""
    store = fake_store(root)
    keys = [trial.key for trial in store.begun()]
    assert len(keys) == len(set(keys)) == trials
    assert set(store.results()) == set(keys)
    for result in store.results().values():
        units = int(result.trial.values["models.dense.units"])
        assert result.stopped or result.validation_mae == units + 1 / EPOCHS


def test_a_driver_that_is_killed_goes_on(tmp_path: Path, cluster: Any) -> None:
    fake_project(tmp_path, seconds=8)
    driver = start(tmp_path, cluster, 4)
    wait(lambda: two_have_an_epoch(tmp_path))
    driver.kill()
    driver.communicate()
    pids = [pid for *_, pid in started(tmp_path)]
    wait(lambda: not any(map(is_alive, pids)))  # the trainings end with it
    first, done = started(tmp_path), set(fake_store(tmp_path).results())
    (tmp_path / "seconds.txt").write_text("0.1")
    assert finished(start(tmp_path, cluster, 4)) == {}
    assert_each_once(tmp_path, 4)
    again = started(tmp_path)[len(first) :]
    assert not {key for key, *_ in again} & done
    unfinished = {key for key, *_ in first} - done
    resumed = {key for key, _, epochs, _ in again if epochs > 0}
    assert unfinished
    assert resumed & unfinished

    # Those are done, but more can be asked for.
    before = len(started(tmp_path))
    assert finished(start(tmp_path, cluster, 5)) == {}
    assert len(started(tmp_path)) == before + 1
    assert_each_once(tmp_path, 5)


def test_trials_that_fail_leave_the_others_alone(tmp_path: Path, cluster: Any) -> None:
    fake_project(tmp_path)
    raises = "raise ValueError('too many units')"
    memory = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); bytearray(2**31)"
    )
    # What the first two trials meet, whichever they are.
    (tmp_path / "fault.txt").write_text(
        "order = list(dict.fromkeys(r.split()[0] for r in open('started.txt')))\n"
        f"if order.index(key) == 0:\n    {raises}\n"
        f"if order.index(key) == 1:\n    {memory}\n"
    )
    errors = finished(start(tmp_path, cluster, 4))
    assert sorted(errors.values()) == ["MemoryError", "ValueError: too many units"]
    assert len(fake_store(tmp_path).results()) == 2
    assert Counter(key for key, *_ in started(tmp_path)).most_common(1)[0][1] == 1  # no retries

    (tmp_path / "fault.txt").unlink()
    assert finished(start(tmp_path, cluster, 4)) == {}
    assert_each_once(tmp_path, 4)
    assert {key for key, *_ in started(tmp_path)[4:]} == set(errors)


def test_a_fault_of_ours_is_not_a_lost_node(tmp_path: Path, cluster: Any) -> None:
    fake_project(tmp_path)
    (tmp_path / "fault.txt").write_text(r"history.write_text('no,mae\n1,2\n'); time.sleep(5)")
    assert list(finished(start(tmp_path, cluster, 1)).values()) == ["KeyError: 'val_mae'"]


def test_a_result_that_was_cut_off_is_trained_again(tmp_path: Path, cluster: Any) -> None:
    fake_project(tmp_path)
    cut_off = "(folder / f'{key}-result.json').write_text('{'); sys.exit()"
    (tmp_path / "fault.txt").write_text(cut_off)
    (error,) = finished(start(tmp_path, cluster, 1)).values()
    assert error.startswith("it ended without a result; ")
    (tmp_path / "fault.txt").unlink()
    assert finished(start(tmp_path, cluster, 1)) == {}
    assert_each_once(tmp_path, 1)


def test_a_node_without_the_arrays_is_named(tmp_path: Path, cluster: Any) -> None:
    fake_project(tmp_path / "project")
    clone = tmp_path / "clone"
    clone.mkdir()
    node = cluster.add_node(**SMALL, env_vars={FOLDER: str(clone)})
    cluster.wait_for_nodes()
    said = finished(start(tmp_path / "project", cluster, 2), fails=True)
    assert f"node {node.node_id[:8]} has no features.npy in {clone}; there, type: git pull" in said
    assert "dvc pull features.npy" in said
    assert not started(tmp_path / "project")
    cluster.remove_node(node)


def test_a_node_that_is_killed_loses_nothing(tmp_path: Path, cluster: Any) -> None:
    fake_project(tmp_path, seconds=8)
    driver = start(tmp_path, cluster, 4)
    wait(lambda: two_have_an_epoch(tmp_path))
    (node,) = cluster.worker_nodes
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    processes = raylet.children(recursive=True)
    (lost,) = {pid for *_, pid in started(tmp_path)} & {process.pid for process in processes}
    (tmp_path / "seconds.txt").write_text("0.1")
    for process in (raylet, *processes):  # as a machine that goes off
        process.kill()
    assert finished(driver) == {}
    assert_each_once(tmp_path, 4)
    keys = {pid: key for key, _, _, pid in started(tmp_path)}
    starts = [epochs for key, _, epochs, _ in started(tmp_path) if key == keys[lost]]
    assert starts[0] == 0 < starts[1]
    assert len(starts) == 2
