"""A repository that shares one folder and runs no stage, and how to look at what it shares."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.pipeline.repository import Repo


def new_repository(root: Path, *, files: int) -> Repo:
    """A repository whose folder data/ holds files of 10 kB: tracked, committed, not yet pushed."""
    (root / "data").mkdir(parents=True)
    for number in range(files):
        (root / f"data/{number:03}").write_bytes(number.to_bytes(2) * 5_000)
    (root / "params.yaml").touch()  # which makes it a project
    repo = Repo(root)
    repo.run("git", "init", "-q", "-b", "main")
    repo.run("git", "config", "user.name", "Alice")
    repo.run("git", "config", "user.email", "alice@example.org")
    repo.dvc("init", "-q")
    repo.dvc("add", "-q", "data")
    repo.run("git", "add", ".")
    repo.run("git", "commit", "-qm", "Data")
    return repo


def started(repo: Repo, *arguments: str) -> subprocess.Popen[str]:
    """A DVC that runs while the test goes on."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=repo.root,
        env=repo.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until(happened: Callable[[], bool], dvc: subprocess.Popen[str]) -> None:
    """Wait for something that a DVC at work does."""
    while not happened():
        assert dvc.poll() is None, dvc.communicate()[0]
        time.sleep(0.002)


@contextmanager
def blocked(path: Path) -> Iterator[Callable[[], bool]]:
    """Replace a file by a pipe into which nobody writes, so that whoever reads it waits.

    Yields a function that says whether somebody has begun to; the file comes back at the end.
    """
    content = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    writers: list[int] = []

    def is_being_read() -> bool:
        try:
            writers.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody has opened the other end
            return False
        return True

    yield is_being_read
    for writer in writers:
        os.close(writer)
    path.unlink()
    path.write_bytes(content)


def kill(process: subprocess.Popen[Any]) -> None:
    """End a process and those that it has started, as `kill -9` does."""
    started_by = psutil.Process(process.pid)
    family: set[psutil.Process] = set()
    # Those that are suspended start no others, so none is missed: one that lives on would hold the
    # output that is read below.
    while new := {started_by, *started_by.children(recursive=True)} - family:
        for one in new:
            # A child may end by itself: sshd's do when their client closes a connection.
            with suppress(psutil.NoSuchProcess):
                one.suspend()
        family |= new
    for one in family:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.communicate()


def objects(folder: Path) -> dict[str, bytes]:
    """What a remote or a cache holds, by hash."""
    paths = [path for path in folder.glob("files/md5/??/*") if len(path.name) in (30, 34)]
    return {path.parent.name + path.name: path.read_bytes() for path in paths if path.is_file()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
