"""Processes that train together give what one gives; an interrupted run gives the same bytes."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import TrainingError
from jena_etl.models import configure
from jena_etl.params import Train, read_params
from jena_etl.training.checkpoint import Progress
from jena_etl.training.data_parallel import Processes, sharded_model, together, train_batches
from jena_etl.training.fit import resumed, seeded_model, train, trained_variables
from jena_etl.training.processes import Cluster, on_this_machine
from jena_etl.training.shards import ShardedTraining, cluster_of, train_in_shards
from jena_etl.windows.index import WindowIndex
from jena_etl.windows.spec import WindowSpec
from jena_etl.windows.split_windows import SeriesWindows, SplitWindows
from tests.training.tasks import task
from tests.warm_python import warm_python

BATCH = 16
TASK = task("a", "b")
SMALL = {"epochs": 2, "optimizer": "adam", "learning_rate": 0.01, "order": "forward", "units": 4}
DROPOUT = {"recurrent_dropout": 0.3, "dropout": 0.5}


@dataclass(frozen=True)
class Windows:
    """Stands for a project: 97 train windows, a last batch of one window, and 43 to validate."""

    def windows(self, split: str) -> SplitWindows:
        rows = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
        starts = range(97) if split == "train" else range(120, 163)
        spec = WindowSpec(sequence_length=5)
        return SeriesWindows(rows[np.newaxis], rows[:, 0] + 3, spec, WindowIndex([starts]))


TRAIN, VALIDATION = (Windows().windows(split) for split in ("train", "validation"))


def training(folder: Path, name: str, **block: Any) -> ShardedTraining:
    folder.mkdir(exist_ok=True)
    architecture: Any = configure(name, {**SMALL, **block})
    return ShardedTraining(
        project=Windows(),  # type: ignore[arg-type]
        architecture=architecture,
        settings=Train(
            batch_size=BATCH,
            device="cpu",
            mixed_precision=False,
            deterministic=True,
            cpu_threads=1,
            shards=2,
        ),
        task=TASK,
        seed=1,
        checkpoint_file=folder / "checkpoint.npz",
        history_file=folder / "history.csv",
        naive_mae=math.nan,
    )


def built(one: ShardedTraining) -> Any:
    return seeded_model(one.architecture, TRAIN, TASK, seed=1)


def trained_in_shards(one: ShardedTraining) -> Progress:
    """Train in two processes, and read the checkpoint that they leave."""
    model = built(one)
    train_in_shards(model, one, device="cpu")
    return resumed(one.checkpoint_file, trained_variables(model))


def one_batch_after_another(shard: tuple[int, int], epoch: int) -> Iterator[list[np.ndarray]]:
    dataset = train_batches(TRAIN, 12, shard=shard, seed=3, epoch=epoch, order="forward")
    for batch in dataset:
        yield [part.numpy() for part in batch]


def test_batch_k_of_all_shards_is_batch_k_of_one_process() -> None:
    """97 windows are eight batches of twelve, four a shard, and one more window."""
    whole = list(TRAIN.batches(12, shuffle=True, seed=3, epoch=5))
    steps = list(zip(*(one_batch_after_another((n, 3), 5) for n in range(3)), strict=True))
    assert len(steps) == len(whole) == 9
    for step, (inputs, targets) in zip(steps, whole, strict=True):
        rows = [
            (float(target), *window.ravel().tolist())
            for windows, goals, weights in step
            for window, target, weight in zip(windows, goals, weights, strict=True)
            if weight == 1
        ]
        assert sorted(rows) == sorted(
            (float(target), *window.ravel().tolist())
            for window, target in zip(inputs, targets, strict=True)
        )
    assert [sizes(step) for step in steps] == [[(4, 4)] * 3] * 8 + [[(1, 1), (1, 0), (1, 0)]]


def sizes(step: tuple[list[np.ndarray], ...]) -> list[tuple[int, int]]:
    """Windows of each shard, and how many of them count."""
    return [(len(windows), int(weights.sum())) for windows, _, weights in step]


class Twins(Processes):
    """Stands for two processes that happen to read the same windows."""

    def __init__(self) -> None:
        pass

    def sum(self, values: Any) -> Any:
        return 2 * values


@pytest.mark.slow
def test_a_step_weighs_the_windows_and_not_the_padding() -> None:
    """Three windows and one that counts nothing train like three windows; so does their MAE."""
    one = configure("dense", SMALL)
    plain, sharded = (seeded_model(one, TRAIN, TASK, seed=1) for _ in range(2))
    sharded = sharded_model(sharded, Twins())
    inputs, targets = TRAIN.batches(4).batch(0, epoch=0)
    expected = plain.train_on_batch(inputs[:3], targets[:3], return_dict=True)
    weights = np.array([1, 1, 1, 0], np.float32)
    found = sharded.train_on_batch(inputs, targets, weights, return_dict=True)
    assert found["mae"] == pytest.approx(expected["mae"], rel=1e-6)
    for ours, theirs in zip(sharded.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["dense", "lstm_dropout", "residual_gru", "tcn"])
def test_the_variables_keep_their_order(name: str, checkout: Path) -> None:
    """A checkpoint of one is read by the other."""
    blocks = read_params(checkout / "params.yaml").models
    model = seeded_model(configure(name, blocks[name]), TRAIN, TASK, seed=1)
    sharded = sharded_model(model, Twins())
    assert list(map(id, trained_variables(sharded))) == list(map(id, trained_variables(model)))


def test_other_devices_and_backends_are_refused(tmp_path: Path) -> None:
    one = training(tmp_path, "dense")
    message = r"^train.shards is 2, .*found tensorflow on gpu: H200; set train.shards: 1, or"
    with pytest.raises(TrainingError, match=message):
        train_in_shards(built(one), one, device="gpu: H200")


def test_tf_config_names_the_processes_of_several_machines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config(["a:1", "b:2"], 1))
    assert cluster_of(2) == Cluster(("a:1", "b:2"), (1,))
    with pytest.raises(
        TrainingError, match=r"names 2 processes .* number 1, .*shards is 3; change"
    ):
        cluster_of(3)
    cluster = {"chief": ["a:1"], "worker": ["b:2", "c:3"]}
    config = {"cluster": cluster, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert cluster_of(3) == Cluster(("a:1", "b:2", "c:3"), (2,))
    for text in ("worker", "[]", '{"cluster": {}}', tf_config([], 0).replace('"worker",', '"ps",')):
        monkeypatch.setenv("TF_CONFIG", text)
        with pytest.raises(TrainingError, match=r"^TF_CONFIG cannot be read; expected {.cluster"):
            cluster_of(2)


def tf_config(addresses: list[str], number: int) -> str:
    cluster = {"worker": addresses}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": number}})


@pytest.mark.parametrize("differ", [False, True])
def test_machines_that_do_not_train_the_same_refuse_to_begin(*, differ: bool) -> None:
    class TwoMachines(Twins):
        number, count = 0, 2

        def sum(self, values: Any) -> Any:
            return values + (other if differ else values)

    other = np.array([7.0, 5.0, 49.0, 25.0])  # after seven steps, of another run
    model = seeded_model(configure("dense", SMALL), TRAIN, TASK, seed=1)
    callback = together(model, TwoMachines(), run="dense", train=97, validation=43)
    with pytest.raises(TrainingError, match="do not train the same") if differ else nullcontext():
        callback.on_train_begin()


@pytest.mark.nightly
def test_two_machines_end_with_the_same_checkpoint(tmp_path: Path) -> None:
    """Each is a process with a folder and an address of its own, here on one machine.

    An LSTM layer has the state of a generator of random numbers, which each shard shifts.
    """
    addresses = on_this_machine(2).addresses
    folders = tmp_path / "first", tmp_path / "second"
    started = [
        subprocess.Popen(
            [warm_python(), "-c", MACHINE, folder],
            env={**os.environ, "TF_CONFIG": tf_config([*addresses], number)},
        )
        for number, folder in enumerate(folders)
    ]
    assert [process.wait() for process in started] == [0, 0]
    first, second = ((folder / "checkpoint.npz").read_bytes() for folder in folders)
    assert first == second


MACHINE = """
import sys
from pathlib import Path
from tests.training.test_shards import trained_in_shards, training

trained_in_shards(training(Path(sys.argv[1]), "lstm"))
"""


@pytest.mark.nightly
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    """Weights, optimizer, losses and MAE after two epochs; the differences are of rounding."""
    one = training(tmp_path, "lstm")
    together = trained_in_shards(one)
    assert one.history_file
    assert len(one.history_file.read_text().splitlines()) == 1 + 2
    model = built(one)
    train(
        model,
        lambda epoch: TRAIN.dataset(BATCH, shuffle=True, seed=1, epoch=epoch),
        VALIDATION.dataset(BATCH),
        epochs=2,
        checkpoint_file=tmp_path / "alone.npz",
    )
    alone = resumed(tmp_path / "alone.npz", trained_variables(model))
    np.testing.assert_allclose(together.history, alone.history, rtol=1e-5)
    for ours, theirs in zip(together.state, alone.state, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.nightly
def test_a_killed_process_ends_the_run_and_the_next_run_resumes(tmp_path: Path) -> None:
    """The same bytes as without a kill, although each shard draws its own dropout."""
    whole, cut = (
        training(tmp_path / name, "lstm_dropout", epochs=5, **DROPOUT) for name in ("whole", "cut")
    )

    def kill_after_an_epoch() -> None:
        while not cut.checkpoint_file.exists():
            time.sleep(0.01)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill_after_an_epoch)
    killer.start()
    with pytest.raises(TrainingError, match=r"^process [01] of .* was killed by SIGKILL"):
        trained_in_shards(cut)
    killer.join()
    assert not multiprocessing.active_children()
    with np.load(cut.checkpoint_file) as arrays:
        assert 1 <= len(arrays["history"]) < 5

    trained_in_shards(cut)
    trained_in_shards(whole)
    assert cut.checkpoint_file.read_bytes() == whole.checkpoint_file.read_bytes()
