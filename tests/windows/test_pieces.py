from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.windows import pieces
from jena_etl.windows.pieces import PieceReader

CONTENT = np.random.default_rng(0).integers(0, 256, 50_000, dtype=np.uint8)
WAYS = ["at once", "one by one"]


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT.tobytes())
    opened = os.open(tmp_path / "file", os.O_RDONLY)
    yield opened
    os.close(opened)


@pytest.fixture
def reader(descriptor: int, way: str, monkeypatch: pytest.MonkeyPatch) -> PieceReader:
    if way == "one by one":  # as where the kernel knows no such call
        monkeypatch.setattr(pieces, "SETUP", 100_000)
    elif not PieceReader(descriptor).reads_at_once:
        pytest.skip("no io_submit here")
    return PieceReader(descriptor)


def read(reader: PieceReader, offsets: np.ndarray, size: int) -> np.ndarray | None:
    memory = np.empty(len(offsets) * size, dtype=np.uint8)
    return memory.reshape(-1, size) if reader.read(offsets, size, memory) else None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [0, 1, pieces.AT_ONCE, 2 * pieces.AT_ONCE + 3])
def test_pieces_are_those_of_the_file(reader: PieceReader, way: str, count: int) -> None:
    for size in (1, 57, 4096):
        offsets = np.random.default_rng(size).integers(0, len(CONTENT) - size + 1, count)
        expected = CONTENT[offsets[:, np.newaxis] + np.arange(size)]
        np.testing.assert_array_equal(read(reader, offsets, size), expected)
    assert reader.reads_at_once == (way == "at once")


@pytest.mark.parametrize("way", WAYS)
def test_a_piece_that_the_file_does_not_hold(reader: PieceReader) -> None:
    end = len(CONTENT)
    for offset in (end - 9, end, end + 5000):
        assert read(reader, np.array([0, offset, 3]), 10) is None
    np.testing.assert_array_equal(read(reader, np.array([end - 10]), 10), CONTENT[np.newaxis, -10:])


@pytest.mark.parametrize("way", WAYS)
def test_many_threads(reader: PieceReader) -> None:
    def right(seed: int) -> bool:
        offsets = np.random.default_rng(seed).integers(0, len(CONTENT) - 99, 500)
        expected = CONTENT[offsets[:, np.newaxis] + np.arange(99)]
        return all((read(reader, offsets, 99) == expected).all() for _ in range(10))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(right, range(20)))


@pytest.mark.parametrize("way", WAYS)
def test_a_closed_file_is_an_error(reader: PieceReader, descriptor: int, tmp_path: Path) -> None:
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        read(reader, np.array([0]), 10)
    assert os.open(tmp_path / "file", os.O_RDONLY) == descriptor  # for the fixture to close


@pytest.mark.parametrize("way", ["at once"])
def test_a_read_that_was_broken_off_leaves_nothing_behind(
    reader: PieceReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by ctrl-C after the reads were handed over and before their results were fetched."""
    call = pieces._system_call

    def broken_off(number: int, *arguments: Any) -> int:
        if number == pieces.GETEVENTS:
            raise KeyboardInterrupt
        return call(number, *arguments)

    read(reader, np.arange(5), 10)
    with monkeypatch.context() as patched:
        patched.setattr(pieces, "_system_call", broken_off)
        with pytest.raises(KeyboardInterrupt):
            read(reader, np.arange(5), 7)  # results of 7 bytes, which no later read may meet
    np.testing.assert_array_equal(
        read(reader, np.array([7, 3]), 10), [CONTENT[7:17], CONTENT[3:13]]
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_forked_process_reads_too(reader: PieceReader, way: str) -> None:
    read(reader, np.arange(5), 10)
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = fork.Process(
        target=lambda: answers.put((read(reader, np.array([7]), 10), reader.reads_at_once))
    )
    child.start()
    found, at_once = answers.get(timeout=60)
    child.join()
    np.testing.assert_array_equal(found, CONTENT[np.newaxis, 7:17])
    assert at_once == (way == "at once")
