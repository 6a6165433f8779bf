"""What goes wrong between a clone and a shared folder, and how it is put right."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.repository import Repo
from tests.team.tracked import blocked, contents, kill, new_repository, objects, started, wait_until

FILES = 6
CACHE = ".dvc/cache"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The shared folder."""
    return tmp_path / "remote"


@pytest.fixture
def alice(tmp_path: Path, remote: Path) -> Repo:
    """A repository whose folder of files has been pushed."""
    alice = new_repository(tmp_path / "alice", files=FILES)
    alice.dvc("remote", "add", "-d", "team", f"../{remote.name}")
    alice.dvc("remote", "modify", "team", "verify", "true")
    alice.run("git", "commit", "-qam", "Where data are shared")
    alice.dvc("push")
    return alice


@pytest.fixture
def bob(alice: Repo, tmp_path: Path) -> Repo:
    """A fresh clone."""
    return alice.clone(tmp_path / "bob")


def stored(remote: Path, clone: Repo, name: str) -> Path:
    """Where the remote holds one of the files."""
    content = (clone.root / "data" / name).read_bytes()
    (path,) = [p for p in remote.glob("files/md5/*/*") if p.read_bytes() == content]
    return path


def rot(path: Path) -> None:
    """Change bytes, but neither the size nor the mode."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[::-1])
    path.chmod(0o444)


def doctor(clone: Repo, *options: str, fails: bool = False) -> str:
    """The last line of the report on the remote."""
    return clone.jena_etl("doctor", "--remote", *options, fails=fails).splitlines()[-1]


def test_rotten_bytes_are_never_taken(alice: Repo, bob: Repo, remote: Path) -> None:
    """DVC names the folder alone; doctor names the file, and where it can be put right."""
    rot(stored(remote, alice, "003"))
    assert "Checkout failed for following targets:\ndata" in bob.dvc("pull", fails=True)
    taken = contents(bob.root / "data") if (bob.root / "data").exists() else {}
    assert taken.items() <= contents(alice.root / "data").items()
    assert set(objects(bob.root / CACHE).items()) <= set(objects(alice.root / CACHE).items())
    assert doctor(bob, "--verify", fails=True) == (
        "fault  remote       003 in data (data.dvc) is damaged on the remote team, "
        "and this clone has no copy to push: push from one that has"
    )
    assert "up to date" in alice.dvc("push")  # it looks for the name alone
    advice = doctor(alice, "--verify", fails=True).rsplit(": ", 1)[1]
    assert advice == "jena-etl doctor --remote --verify --mend && dvc push"
    mend, push = advice.split(" && ")
    alice.type(mend, fails=True)  # until it is pushed
    alice.type(push)
    assert doctor(alice, "--verify").endswith("every hash recomputed)")
    bob.dvc("pull")
    assert contents(bob.root / "data") == contents(alice.root / "data")


def test_an_object_is_missing(alice: Repo, bob: Repo, remote: Path) -> None:
    (gone := stored(remote, alice, "003")).unlink()
    assert f"{gone.parent.name}{gone.name}" in bob.dvc("pull", fails=True)
    assert not (bob.root / "data/003").exists()
    assert "003 in data (data.dvc) is not on the remote team, and" in doctor(bob, fails=True)
    mend, push = doctor(alice, fails=True).rsplit(": ", 1)[1].split(" && ")
    alice.type(mend, fails=True)
    alice.type(push)
    bob.dvc("pull")
    assert contents(bob.root / "data") == contents(alice.root / "data")


def test_two_people_push_at_once(alice: Repo, bob: Repo, remote: Path) -> None:
    """Some files are new for both, some for one of them."""
    bob.dvc("pull")
    for clone in alice, bob:
        for name in ("both", clone.root.name):
            (clone.root / "data" / name).write_bytes(name.encode() * 100_000)
        clone.dvc("add", "-q", "data")
    pushes = [started(clone, "push") for clone in (alice, bob)]
    for push in pushes:
        shown = push.communicate()[0]
        assert push.returncode == 0, shown
    held = objects(remote)
    for clone in alice, bob:
        assert objects(clone.root / CACHE).items() <= held.items()
        assert doctor(clone, "--verify").startswith("ok ")


def test_a_pull_that_is_killed(alice: Repo, bob: Repo, remote: Path) -> None:
    """It waits for an object that is replaced by a pipe into which nobody writes."""
    with blocked(stored(remote, alice, "003")) as is_being_read:
        pull = started(bob, "pull")
        wait_until(is_being_read, pull)
        kill(pull)
    assert "ok     dvc " in bob.jena_etl("doctor", fails=True)  # as nothing is there yet
    bob.dvc("pull")
    assert contents(bob.root / "data") == contents(alice.root / "data")


def test_a_lock_left_by_a_dvc_that_was_killed(alice: Repo) -> None:
    """DVC itself removes it once it needs the files; `doctor` says that it is safe to go on."""
    os.mkfifo(alice.root / "pipe")
    stage = "{cmd: cat pipe > out, deps: [data], outs: [out]}"
    (alice.root / "dvc.yaml").write_text(f"stages: {{wait: {stage}}}")
    repro = started(alice, "repro")
    wait_until((alice.root / "out").exists, repro)  # the stage waits for what is in the pipe
    kill(repro)  # and the stage that it runs
    report = alice.jena_etl("doctor", "--remote").splitlines()
    (line,) = [line for line in report if line.startswith("ok     dvc ")]
    assert f".dvc/tmp/rwlock names process {repro.pid} (" in line
    assert "which has been killed: go on" in line
    (alice.root / "pipe").unlink()
    (alice.root / "pipe").write_text("done")
    assert alice.stages_run(alice.dvc("repro")) == ["wait"]
    assert "rwlock" not in alice.jena_etl("doctor", "--remote", fails=True)  # out is not pushed


def test_the_disk_of_the_cache_is_full(alice: Repo, bob: Repo) -> None:
    """A pull that stops there goes on when there is room."""
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root can mount a disk for this")
    script = f"""
        mkdir {CACHE}
        mount -t tmpfs -o size=48k disk {CACHE}
        dvc pull > ../full 2>&1 && exit 1
        jena-etl doctor > ../doctor || true
        mount -o remount,size=48M {CACHE}
        dvc pull
        mv {CACHE}/files ..
    """
    bob.run("unshare", "-m", "bash", "-ec", script)
    full, report = ((bob.root.parent / name).read_text() for name in ("full", "doctor"))
    assert "No space left on device" in full
    assert "fault  disk " in report
    assert "should be free" in report
    assert contents(bob.root / "data") == contents(alice.root / "data")
    assert objects(bob.root.parent) == objects(alice.root / CACHE)


def test_a_remote_to_read_and_one_to_write(bob: Repo, remote: Path, tmp_path: Path) -> None:
    """The second one is in .dvc/config.local, so nobody else sees it."""
    bob.dvc("pull")
    closed = [remote, *(path for path in remote.rglob("*") if path.is_dir())]
    for folder in closed:
        folder.chmod(0o555)
    (bob.root / "data/new").write_text("new")
    bob.dvc("add", "-q", "data")
    bob.run("git", "commit", "-qam", "More data")
    before = objects(remote)
    # Root may write everywhere, unless it gives that up.
    without = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    if not without or shutil.which("setpriv"):
        assert "Permission denied" in bob.run(*without, "dvc", "push", fails=True)
    assert objects(remote) == before
    bob.dvc("remote", "add", "--local", "mine", str(tmp_path / "mine"))
    bob.dvc("remote", "default", "--local", "mine")
    assert "data (data.dvc) is not on the remote mine: dvc push" in doctor(bob, fails=True)
    bob.dvc("push")
    assert doctor(bob).startswith("ok     remote       1 of 1 outputs are whole on mine (")
    assert bob.run("git", "status", "--short") == ""
    shutil.rmtree(bob.root / CACHE)
    shutil.rmtree(bob.root / "data")
    bob.dvc("pull")
    assert (bob.root / "data/new").read_text() == "new"
    assert objects(remote) == before
    for folder in closed:
        folder.chmod(0o755)


def test_git_push_pushes_data_too(alice: Repo, remote: Path, tmp_path: Path) -> None:
    """Once `dvc install` has been typed in a clone; a failed `dvc push` stops `git push`."""
    alice.run("git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "bare.git"))
    alice.run("git", "remote", "add", "origin", str(tmp_path / "bare.git"))
    alice.dvc("install")
    (alice.root / "data/new").write_text("new")
    alice.dvc("add", "-q", "data")
    alice.run("git", "commit", "-qam", "More data")
    assert "is not on the remote team: dvc push" in doctor(alice, fails=True)
    remote.rename(tmp_path / "elsewhere")
    remote.write_text("not a folder")
    alice.run("git", "push", "-q", "origin", "main", fails=True)
    assert alice.run("git", "ls-remote", "origin") == ""
    remote.unlink()
    (tmp_path / "elsewhere").rename(remote)
    alice.run("git", "push", "-q", "origin", "main")
    assert doctor(alice).startswith("ok ")
    assert alice.run("git", "ls-remote", "origin") != ""
