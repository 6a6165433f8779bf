"""DVC's own files in a repository without a pipeline: what is damaged, and what would mend it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from jena_etl.commands.doctor.dvc_files import mend, own_files, running
from jena_etl.errors import ProjectError

ENTRY = """  {name}:
    cmd: python -m pipeline.{name}
    outs:
    - path: {name}
      md5: '{md5}'
"""


def lock(**stages: str) -> str:
    """A dvc.lock of these stages, each with a digit that its output's hash consists of."""
    entries = [ENTRY.format(name=name, md5=32 * md5) for name, md5 in stages.items()]
    return "schema: '2.0'\nstages:\n" + "".join(entries)


def hashes(root: Path) -> dict[str, str]:
    stages = YAML(typ="safe", pure=True).load(root / "dvc.lock")["stages"]
    return {name: stage["outs"][0]["md5"][0] for name, stage in stages.items()}


def git(root: Path, *arguments: str, fails: bool = False) -> str:
    identity = ["-c", "user.email=test@example.org", "-c", "user.name=test"]
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A git repository with a committed dvc.lock."""
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (tmp_path / "dvc.lock").write_text(lock(download="1", train="1", evaluate="1"))
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "built")
    return tmp_path


@contextmanager
def process(root: Path, *words: str) -> Iterator[int]:
    """A process that waits in `root`, with these words on its command line."""
    command = [sys.executable, "-c", "input()", *words]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE) as started:
        yield started.pid
        started.communicate(b"\n")


def test_whole_files_are_left_alone(root: Path) -> None:
    assert own_files(root).mark == "ok"
    assert list(mend(root)) == ["DVC's own files are readable: nothing to mend"]
    assert git(root, "status", "--short") == ""


@pytest.mark.parametrize("content", ["", "{", '{"write": 5}', "\0\0"])
def test_a_damaged_rwlock_is_removed(root: Path, content: str) -> None:
    rwlock = root / ".dvc/tmp/rwlock"
    rwlock.write_text(content)
    check = own_files(root)
    assert (check.mark, check.next) == ("fault", "jena-etl doctor --mend")
    assert "(by hand: rm .dvc/tmp/rwlock)" in check.found
    (step,) = mend(root)
    assert step.startswith(".dvc/tmp/rwlock is damaged")
    assert not rwlock.exists()


def test_an_rwlock_in_the_name_of_a_process_that_is_not_dvc(root: Path) -> None:
    """The number of a DVC that was killed, given away again: DVC would wait for that process."""
    rwlock = root / ".dvc/tmp/rwlock"
    for words, mark in (("anything",), "fault"), (("dvc", "repro"), "ok"):
        with process(root, *words) as pid:
            info = {"pid": pid, "cmd": "dvc repro"}
            rwlock.write_text(json.dumps({"write": {"data": info}, "read": {"src": [info]}}))
            assert own_files(root).mark == mark
            if mark == "fault":
                assert f"names process {pid} as a running DVC" in own_files(root).found
                assert list(mend(root))
                assert not rwlock.exists()


def test_nothing_is_mended_while_a_dvc_is_at_work(root: Path, tmp_path: Path) -> None:
    """In this repository, below its root too; elsewhere it does not matter."""
    (root / ".dvc/tmp/rwlock").write_text("")
    (inner := root / "data").mkdir()
    with process(inner, "dvc", "repro") as pid:
        check = own_files(root)
        assert check.mark == "note"
        assert f"DVC is at work here: process {pid}" in check.found
        with pytest.raises(ProjectError, match=f"process {pid} .*end it, then run"):
            list(mend(root))
        assert (root / ".dvc/tmp/rwlock").exists()
    with process(tmp_path.parent, "dvc", "repro"):
        assert running(root) == []


@pytest.mark.slow
def test_nothing_is_mended_under_the_lock_of_a_dvc(root: Path) -> None:
    from dvc.repo import Repo, lock_repo

    (root / ".dvc/tmp/rwlock").write_text("")
    with lock_repo(Repo(str(root))), pytest.raises(ProjectError, match="DVC cannot be locked"):
        list(mend(root))
    assert (root / ".dvc/tmp/rwlock").exists()


CUT = lock(download="1", train="1")[:-20]


@pytest.mark.parametrize("content", ["", CUT, "stages: [", "<<<<<<< HEAD\nschema: '2.0'\n", "\0"])
@pytest.mark.parametrize("staged", [False, True])
def test_a_damaged_dvc_lock_comes_from_git(root: Path, content: str, *, staged: bool) -> None:
    before = (root / "dvc.lock").read_text()
    (root / "dvc.lock").write_text(content)
    if staged:
        git(root, "add", "dvc.lock")
    by_hand = "restore --source=HEAD --staged --worktree" if staged else "restore"
    assert f"(by hand: git {by_hand} -- dvc.lock)" in own_files(root).found
    assert len(list(mend(root))) == 1
    assert (root / "dvc.lock").read_text() == before
    assert (root / ".dvc/tmp/dvc.lock.damaged").read_text() == content
    assert git(root, "status", "--short") == ""


def test_a_damaged_dvc_lock_that_git_does_not_have_is_removed(root: Path) -> None:
    git(root, "rm", "-q", "--cached", "dvc.lock")
    git(root, "commit", "-q", "-m", "never there")
    (root / "dvc.lock").write_text("")
    check = own_files(root)
    assert check.found == "dvc.lock is empty (by hand: rm dvc.lock)"
    assert len(list(mend(root))) == 1
    assert not (root / "dvc.lock").exists()
    assert own_files(root).mark == "ok"


def test_a_merge_conflict_takes_each_entry_from_the_side_that_ran_it(root: Path) -> None:
    git(root, "switch", "-q", "-c", "other")
    (root / "dvc.lock").write_text(lock(download="1", train="2", evaluate="2", extra="2"))
    git(root, "commit", "-qam", "their training")
    git(root, "switch", "-q", "main")
    (root / "dvc.lock").write_text(lock(download="3", train="1", evaluate="3"))
    git(root, "commit", "-qam", "our download")
    git(root, "merge", "-q", "other", fails=True)
    check = own_files(root)
    assert check.found == "dvc.lock has a merge conflict (3 versions)"
    assert check.next == "jena-etl doctor --mend"
    (step,) = mend(root)
    assert "(changed on both sides, ours is kept: evaluate)" in step
    assert hashes(root) == {"download": "3", "train": "2", "evaluate": "3", "extra": "2"}
    assert git(root, "ls-files", "--unmerged") == ""
    assert own_files(root).mark == "ok"
