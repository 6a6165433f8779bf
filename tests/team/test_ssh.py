"""Sharing over SSH: what is pushed comes back, a server that dies, a key that is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.repository import Repo
from tests.team.ssh_server import SshServer, sshd
from tests.team.tracked import blocked, contents, new_repository, objects, started, wait_until

FILES = 60  # so many that a server can be killed while they are on their way


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    sshd()
    server = SshServer(tmp_path / "sshd")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def alice(tmp_path: Path, server: SshServer) -> Repo:
    """A repository with a folder of files, whose remote is the server's; nothing is pushed yet."""
    alice = new_repository(tmp_path / "alice", files=FILES)
    alice.dvc("remote", "add", "-d", "team", server.url(tmp_path / "remote"))
    alice.dvc("remote", "modify", "team", "verify", "true")
    alice.dvc("remote", "modify", "team", "jobs", "1")
    alice.run("git", "commit", "-qam", "Where data are shared")
    admit(alice, server)
    return alice


def admit(clone: Repo, server: SshServer, key: Path | None = None) -> None:
    """Give a clone the key, where git does not see it."""
    clone.dvc("remote", "modify", "--local", "team", "keyfile", str(key or server.key))
    clone.dvc("remote", "modify", "--local", "team", "passphrase", server.passphrase)


def doctor(repo: Repo, *, fails: bool = False) -> str:
    """The last line of the report on the remote, from a process of its own."""
    report = repo.run("jena-etl", "doctor", "--remote", fails=fails)
    return report.splitlines()[-1]


def test_what_alice_pushes_bob_pulls(alice: Repo, server: SshServer, tmp_path: Path) -> None:
    alice.dvc("push")
    assert doctor(alice).startswith("ok     remote       1 of 1 outputs are whole on team (ssh://")
    bob = alice.clone(tmp_path / "bob")
    admit(bob, server)
    bob.dvc("pull")
    assert contents(bob.root / "data") == contents(alice.root / "data")
    for clone in alice, bob:
        assert clone.run("git", "status", "--short") == ""
        assert_no_secret_in_git(clone, server)


def assert_no_secret_in_git(clone: Repo, server: SshServer) -> None:
    """Look through everything that git holds, whether a commit reaches it or not."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    held = subprocess.run(command, cwd=clone.root, capture_output=True, check=True).stdout
    assert b"ssh://" in held  # .dvc/config
    private_key = server.key.read_bytes().splitlines()[1]
    for secret in private_key, server.passphrase.encode(), os.fsencode(server.key):
        assert secret not in held
        assert secret in server.key.read_bytes() + (clone.root / ".dvc/config.local").read_bytes()


def test_a_key_that_is_refused_changes_nothing(
    alice: Repo, server: SshServer, tmp_path: Path
) -> None:
    alice.dvc("push")
    before = objects(tmp_path / "remote")
    (alice.root / "data/more").write_text("more")
    alice.dvc("add", "-q", "data")
    bob = alice.clone(tmp_path / "bob")
    for clone in alice, bob:
        admit(clone, server, server.wrong_key)
    refused = f"Permission denied for user {server.user} on host 127.0.0.1"
    assert refused in alice.dvc("push", fails=True)
    assert objects(tmp_path / "remote") == before
    assert refused in bob.dvc("pull", fails=True)
    assert not (bob.root / "data").exists()
    assert objects(bob.root / ".dvc/cache") == {}
    line = doctor(bob, fails=True)
    assert line.startswith("fault  remote       the remote team (ssh://127.0.0.1:")
    assert f"cannot be read: {refused}; is it there, and are the credentials in " in line
    assert line.endswith(": dvc status --verbose --cloud --remote team")
    assert bob.run("git", "status", "--short") == ""
    admit(bob, server)
    bob.dvc("pull")


def test_the_server_is_killed_during_a_push(alice: Repo, server: SshServer, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    push = started(alice, "push")
    wait_until(lambda: bool(objects(remote)), push)
    server.kill()
    shown = push.communicate()[0]
    assert push.returncode != 0
    assert 0 < len(objects(remote)) < FILES
    assert "Traceback" not in shown
    assert "cannot be read" in doctor(alice, fails=True)
    server.start()
    assert "data (data.dvc) is not on the remote team: dvc push" in doctor(alice, fails=True)
    alice.dvc("push")
    assert objects(remote) == objects(alice.root / ".dvc/cache")
    assert "1 of 1 outputs are whole" in doctor(alice)


def test_the_server_is_killed_during_a_pull(alice: Repo, server: SshServer, tmp_path: Path) -> None:
    """One object is replaced by a pipe into which nobody writes, so the pull waits for it."""
    alice.dvc("push")
    bob = alice.clone(tmp_path / "bob")
    admit(bob, server)
    waited_for = max((tmp_path / "remote/files/md5").glob("*/" + 30 * "?"))
    with blocked(waited_for) as is_being_read:
        pull = started(bob, "pull")
        wait_until(is_being_read, pull)
        server.kill()
        shown = pull.communicate()[0]
    assert pull.returncode != 0
    assert "Traceback" not in shown
    server.start()
    bob.dvc("pull")
    assert contents(bob.root / "data") == contents(alice.root / "data")
