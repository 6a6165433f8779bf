"""What `jena-etl doctor --remote` says of a remote, without a pipeline: one folder and one file."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from typer.testing import CliRunner

from jena_etl.cli import app
from jena_etl.commands.doctor import Check
from jena_etl.commands.doctor.remote import _cause as asked
from jena_etl.commands.doctor.remote import check_remote, mend_remote
from jena_etl.errors import ProjectError

# DVC calls functions that pygtrie and aiohttp are going to change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
NOTHING = "dvc.lock and the .dvc files name nothing to share yet"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC repository with a folder of two files and a file of its own, tracked and not pushed."""
    root = tmp_path / "alice"
    (root / "folder").mkdir(parents=True)
    for name in ("folder/a", "folder/b", "file"):
        (root / name).write_text(name)
    (root / "params.yaml").touch()
    monkeypatch.chdir(root)
    with Repo.init(no_scm=True) as repo:
        repo.add(["folder", "file"])
    return root


def configure(root: Path, name: str = "team", *, local: bool = False, **options: str) -> None:
    with Repo(root) as repo, repo.config.edit("local" if local else "repo") as config:
        config["remote"].setdefault(name, {}).update(options)
        config["core"]["remote"] = name


def push(root: Path) -> int:
    with Repo(root) as repo:
        return int(repo.push())


def share(root: Path) -> Path:
    """Push to a remote in a folder; return where it keeps its objects."""
    configure(root, url="../remote", verify="true")
    assert push(root) == 4  # three files and the list of the folder's
    return root.parent / "remote/files/md5"


def stored(objects: Path, content: str) -> Path:
    (path,) = [path for path in objects.glob("*/*") if path.read_text() == content]
    return path


def rot(path: Path) -> None:
    """Change the bytes alone: the size, and the mode by which DVC trusts a file, stay."""
    path.chmod(0o644)
    path.write_text(path.read_text().swapcase())
    path.chmod(0o444)


def faults(root: Path, *, verify: bool = False) -> list[Check]:
    summary, *wrong = check_remote(root, verify=verify)
    assert summary.mark == ("note" if wrong else "ok")
    assert {check.mark for check in wrong} <= {"fault"}
    return wrong


def test_what_was_not_pushed_is_listed(root: Path) -> None:
    configure(root, url="../remote")
    summary, *wrong = check_remote(root, verify=False)
    assert summary.found.startswith("0 of 2 outputs are whole on team (")
    assert summary.found.endswith("/remote) (4 objects, bytes: --verify)")
    assert [(check.found, check.next) for check in wrong] == [
        ("file (file.dvc) is not on the remote team", "dvc push"),
        ("folder (folder.dvc) is not on the remote team", "dvc push"),
    ]
    assert push(root) == 4
    summary, *wrong = check_remote(root, verify=True)
    assert not wrong
    assert summary.found.startswith("2 of 2 outputs are whole on team (")
    assert summary.found.endswith("(4 objects, every hash recomputed)")


def test_the_exit_code_and_json(root: Path) -> None:
    command = CliRunner()
    share(root)
    assert command.invoke(app, ["doctor", "--remote"]).exit_code == 0
    (root / "file").write_text("changed")
    with Repo(root) as repo:
        repo.add("file")
    result = command.invoke(app, ["doctor", "--remote"])
    assert result.exit_code == 1
    line = "fault  remote       file (file.dvc) is not on the remote team: dvc push"
    assert line in result.stdout.splitlines()
    report = json.loads(command.invoke(app, ["doctor", "--remote", "--json"]).stdout)
    assert report["sound"] is False
    assert [check["name"] for check in report["checks"]] == [
        "credentials",
        "dvc",
        "remote",
        "remote",
    ]


def test_what_is_not_for_the_remote_is_not_missed_there(root: Path) -> None:
    """Reports with `cache: false` are git's; `push: false` says it in so many words."""
    outs = "outs: [{report.md: {cache: false}}, {scratch.txt: {push: false}}]"
    (root / "dvc.yaml").write_text(
        f"stages: {{write: {{cmd: touch report.md scratch.txt, {outs}}}}}"
    )
    share(root)
    with Repo(root) as repo:
        repo.reproduce()
    assert not faults(root)


def test_nothing_to_share(tmp_path: Path) -> None:
    Repo.init(str(tmp_path), no_scm=True).close()
    assert check_remote(tmp_path, verify=False) == [Check("remote", "ok", NOTHING)]


def test_no_remote(root: Path) -> None:
    found = "no default remote is configured, so 2 outputs are here alone"
    advice = "dvc remote add -d NAME FOLDER_OR_ADDRESS"
    assert check_remote(root, verify=False) == [Check("remote", "fault", found, advice)]
    with Repo(root) as repo, repo.config.edit() as config:
        config["remote"]["team"] = {"url": "../remote"}
    assert check_remote(root, verify=False)[0].next == "dvc remote default team"


def test_a_file_of_a_folder_that_is_gone_from_the_remote(root: Path) -> None:
    """`dvc push` takes the folder's list as proof that its files are there."""
    gone = stored(share(root), "folder/a")
    gone.unlink()
    assert push(root) == 0
    (fault,) = faults(root)
    assert fault.found == "a in folder (folder.dvc) is not on the remote team"
    assert fault.next == "jena-etl doctor --remote --mend && dvc push"
    (step,) = mend_remote(root, verify=False)
    assert step.startswith("folder (folder.dvc): removing ")
    assert step.endswith(".dir from team")
    assert push(root) == 2
    assert gone.read_text() == "folder/a"
    assert not faults(root, verify=True)


def test_rotten_bytes_on_the_remote(root: Path) -> None:
    """`dvc push` looks at the name alone."""
    objects = share(root)
    rotten = [stored(objects, name) for name in ("file", "folder/b")]
    for path in rotten:
        rot(path)
    assert push(root) == 0
    assert not faults(root)
    wrong = faults(root, verify=True)
    assert [check.found for check in wrong] == [
        "file (file.dvc) is damaged on the remote team",
        "b in folder (folder.dvc) is damaged on the remote team",
    ]
    assert {check.next for check in wrong} == {
        "jena-etl doctor --remote --verify --mend && dvc push"
    }
    assert len(list(mend_remote(root, verify=True))) == 3  # both, and the folder's list
    assert push(root) == 3
    assert [path.read_text() for path in rotten] == ["file", "folder/b"]
    assert list(mend_remote(root, verify=True)) == []


def test_bytes_cut_short_show_by_their_size(root: Path) -> None:
    path = stored(share(root), "file")
    path.chmod(0o644)
    path.write_text("fil")
    (fault,) = faults(root)
    assert fault.found == "file (file.dvc) is damaged on the remote team"


def test_a_damaged_list_of_a_folders_files(root: Path) -> None:
    (path,) = share(root).glob("*/*.dir")
    rot(path)
    (fault,) = faults(root, verify=True)
    assert fault.found == "folder (folder.dvc) is damaged on the remote team"
    shutil.rmtree(root / ".dvc/cache")  # now it can be read from nowhere
    (fault,) = faults(root, verify=True)
    assert fault.found.startswith("folder (folder.dvc) is damaged on the remote team")


def test_a_clone_without_a_copy_removes_nothing(root: Path) -> None:
    objects = share(root)
    rot(stored(objects, "file"))
    stored(objects, "folder/a").unlink()
    before = sorted(objects.glob("*/*"))
    shutil.rmtree(root / ".dvc/cache")
    wrong = faults(root, verify=True)
    assert {check.next for check in wrong} == {""}
    for check in wrong:
        assert check.found.endswith("this clone has no copy to push: push from one that has")
    assert list(mend_remote(root, verify=True)) == []
    assert sorted(objects.glob("*/*")) == before


def test_a_rotten_copy_does_not_replace_anything(root: Path) -> None:
    objects = share(root)
    for folder in objects, root / ".dvc/cache/files/md5":
        rot(stored(folder, "file"))
    assert list(mend_remote(root, verify=True)) == []
    assert stored(objects, "FILE").exists()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nothing listens."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_remote_that_cannot_be_reached(root: Path, closed_port: int) -> None:
    """One line, the command that shows more, and not a word of the password."""
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed")
    configure(root, url=f"ssh://alice:sesame@127.0.0.1:{closed_port}/store")
    (check,) = check_remote(root, verify=False)
    named = f"the remote team (ssh://127.0.0.1:{closed_port}/store) cannot be read: "
    assert check.mark == "fault"
    assert check.found.startswith(named)
    assert check.found.endswith(".dvc/config.local or the environment right?")
    assert check.next == "dvc status --verbose --cloud --remote team"
    with pytest.raises(ProjectError) as caught:
        list(mend_remote(root, verify=False))
    assert str(caught.value).startswith(named)
    for message in check.found, str(caught.value):
        assert "sesame" not in message
        assert "\n" not in message


class RefusedError(Exception):
    """As aiohttp's ClientResponseError."""

    status = 403


@pytest.mark.parametrize("cause", [ConnectionRefusedError(), RefusedError()])
def test_what_fsspec_calls_not_found_over_http(cause: Exception) -> None:
    """It does so whatever went wrong."""
    not_found = FileNotFoundError("http://example.org/store/files/md5/00/1")
    assert asked(not_found) is not_found
    not_found.__cause__ = FileNotFoundError()  # the server's 404
    assert asked(not_found) is not_found
    not_found.__cause__ = cause
    assert asked(not_found) is cause


def test_a_kind_of_remote_that_is_not_installed(root: Path) -> None:
    configure(root, url="hdfs://example.org/store")
    (check,) = check_remote(root, verify=False)
    assert check.found.endswith("requires 'dvc-hdfs' to be installed")
    assert check.next == "python -m pip install dvc-hdfs"


@pytest.mark.parametrize("broken", ["folder.dvc", ".dvc/config"])
def test_files_that_dvc_cannot_read(root: Path, broken: str) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    (root / broken).write_text("[")
    result: Any = CliRunner().invoke(app, ["doctor", "--remote"])
    assert result.exit_code == 1
    assert "fault  pipeline     DVC cannot read the project" in result.stdout
