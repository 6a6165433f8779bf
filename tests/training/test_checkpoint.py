from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jena_etl.training.checkpoint import Progress, load, run_key, save


def progress(*losses: float) -> Progress:
    made = Progress()
    for epoch, loss in enumerate(losses):
        made.add([1.0, 1.0, loss, 1.0], [np.full(2, epoch), np.full((), epoch)])
    return made


def test_the_best_epoch_is_the_first_of_the_lowest_loss() -> None:
    made = progress(3.0, 1.0, 2.0, 1.0)
    assert made.best_epoch == 1
    assert [value.tolist() for value in made.best] == [[1, 1], 1]
    assert [value.tolist() for value in made.state] == [[3, 3], 3]


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    made = progress(0.1, 0.30000000000000004, 0.2)
    save(tmp_path / "a.npz", made)
    again = load(tmp_path / "a.npz", [(2,), ()])
    assert again.history == made.history
    for ours, theirs in ((again.state, made.state), (again.best, made.best)):
        assert [value.tolist() for value in ours] == [value.tolist() for value in theirs]
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_no_checkpoint_is_a_new_run(tmp_path: Path) -> None:
    assert load(tmp_path / "a.npz", []).epochs == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "other"])
def test_a_damaged_one_is_set_aside_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    path = tmp_path / "a.npz"
    save(path, progress(1.0, 2.0))
    whole = path.read_bytes()
    shapes: list[tuple[int, ...]] = [(2,), ()]
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        at = whole.index(b"NUMPY") + 128
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    elif damage == "text":
        path.write_text("no checkpoint")
    else:
        shapes = [(3,), ()]
    assert load(path, shapes).epochs == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.damaged"]
    assert "set aside as a.damaged; training starts at epoch 1" in capsys.readouterr().err


@pytest.mark.slow
def test_a_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    """Some two thousand of them, over the whole file."""
    path, made = tmp_path / "a.npz", progress(2.0, 1.0, 3.0)
    save(path, made)
    whole = path.read_bytes()
    damaged = 0
    for bit in range(0, 8 * len(whole), max(1, 8 * len(whole) // 1_790)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        again = load(path, [(2,), ()])
        if again.epochs == 0:
            damaged += 1
            continue
        assert again.history == made.history
        for ours, theirs in ((again.state, made.state), (again.best, made.best)):
            assert [value.tolist() for value in ours] == [value.tolist() for value in theirs]
    assert damaged > 250


def test_more_epochs_than_last_time_is_a_new_run() -> None:
    assert run_key([], name="lstm", epochs=10) == run_key([], epochs=10, name="lstm")
    assert run_key([], name="lstm", epochs=10) != run_key([], name="lstm", epochs=11)
