"""`jena-etl diff`: what its pictures show of two versions of the reports."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from jena_etl.commands.diff import write_difference
from jena_etl.errors import ProjectError
from jena_etl.project import Project


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.email=test@example.org", "-c", "user.name=test"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def report(root: Path, **curves: list[float]) -> None:
    """The two reports of models with these validation MAEs, of which the last is kept."""
    (root / "reports/plots").mkdir(parents=True, exist_ok=True)
    scores = [f"{name},{mae[-1]}" for name, mae in curves.items()]
    steps = [f"{i},{name},{m}" for name, mae in curves.items() for i, m in enumerate(mae, start=1)]
    for path, lines in (
        ("leaderboard.csv", ["architecture,validation_mae", *scores]),
        ("plots/validation_curves.csv", ["step,architecture,val_mae", *steps]),
    ):
        (root / "reports" / path).write_text("\n".join([*lines, ""]))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one commit, in a folder of its git repository."""
    root = tmp_path / "project"
    report(root, dense=[3.0, 2.5], lstm=[2.25, 2.0])
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "built")
    return Project(root)


def words(path: Path) -> list[str]:
    """All texts of a picture, in its order."""
    texts = ET.parse(path).getroot().itertext()  # noqa: S314  our own file
    return [text.strip() for text in texts if text.strip()]


def test_both_sides_of_a_change(project: Project, tmp_path: Path) -> None:
    report(project.root, lstm=[2.25, 1.75], gru=[1.5])
    board, curves = write_difference(project, "main", tmp_path / "out")
    assert (board.name, curves.name) == ("leaderboard.svg", "validation-curves.svg")
    texts = words(board)
    assert "Shorter is better. Different: lstm, gru, dense." in texts
    # The bars' labels: those of main, then those of the workspace; lstm, gru, dense from the top.
    labels = ["2.000", "2.500", "1.750", "1.500"]
    assert [text for text in texts if text in labels] == labels
    assert words(curves).count("main") == words(curves).count("workspace") == 1
    assert [t for t in words(curves) if t in {"dense", "lstm", "gru"}] == ["dense", "lstm", "gru"]


def test_no_difference(project: Project, tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_difference(project, "HEAD", tmp_path / "out")]
    assert b"Different: none." in first[0]
    again = [path.read_bytes() for path in write_difference(project, "HEAD", tmp_path / "again")]
    assert first == again


def test_a_commit_is_shown_by_its_first_digits(project: Project, tmp_path: Path) -> None:
    sha = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project.root, text=True).strip()
    board, _ = write_difference(project, sha, tmp_path / "out")
    assert sha[:9] in words(board)
    assert sha not in board.read_text()


def test_the_first_results(project: Project, tmp_path: Path) -> None:
    """The revision has none: its side is empty."""
    git(tmp_path, "rm", "-rq", "--cached", ".")
    git(tmp_path, "commit", "-qm", "empty")
    board, _ = write_difference(project, "HEAD", tmp_path / "out")
    assert [text for text in words(board) if text in {"2.000", "2.500"}] == ["2.500", "2.000"]


def test_what_cannot_be_compared(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="git has no revision 'mian' here; fetch it"):
        write_difference(project, "mian", tmp_path / "out")
    project.leaderboard_csv.write_text("architecture\ndense\n")
    with pytest.raises(ProjectError, match=r"leaderboard.csv is damaged; .*dvc repro -f evaluate"):
        write_difference(project, "HEAD", tmp_path / "out")
    report(project.root, dense=[1.0])
    project.validation_curves_csv.write_text("architecture,val_mae\ndense,low\n")
    with pytest.raises(ProjectError, match=r"validation_curves.csv is damaged; .*-f report"):
        write_difference(project, "HEAD", tmp_path / "out")
    git(tmp_path, "rm", "-rqf", "project")
    git(tmp_path, "commit", "-qm", "empty")
    project.root.mkdir()
    with pytest.raises(ProjectError, match=r"leaderboard.csv is not built yet"):
        write_difference(project, "HEAD", tmp_path / "out")
    assert not (tmp_path / "out").exists()
