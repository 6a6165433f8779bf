"""Runs git, DVC and other programs for the commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

DVC = (sys.executable, "-m", "dvc")


def exit_code_of(*words: str, cwd: Path, output: TextIO | None = None) -> int:
    """Run a command with its output on stderr, or in `output`, and return its exit code."""
    # Stages call `python`, which must be the interpreter that runs this.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return subprocess.run(  # noqa: S603  our own command lines, and names from dvc.yaml
        words,
        cwd=cwd,
        env={**os.environ, "PATH": path},
        stdout=output or sys.stderr,
        stderr=output or sys.stderr,
        check=False,
    ).returncode


def git(root: Path, *arguments: str) -> str | None:
    """The output of a git command run in `root`; None if it fails or git is not installed."""
    return output_of("git", *arguments, cwd=root)


def output_of(*words: str, cwd: Path | None = None, timeout: float | None = None) -> str | None:
    """The output of a command; None if it fails, is not installed or takes too many seconds."""
    try:
        done = subprocess.run(  # noqa: S603  no shell, and paths follow `--`
            words,
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def restorable(root: Path, paths: Iterable[str]) -> list[str]:
    """The paths that `git restore` brings back as dvc.lock records them.

    Git's copies belong to the committed dvc.lock, so if dvc.lock has changed since, there are none.
    """
    wanted = list(paths)
    if not wanted or git(root, "diff", "--quiet", "HEAD", "--", "dvc.lock") is None:
        return []
    tracked = (git(root, "ls-files", "--", *wanted) or "").splitlines()
    return [p for p in wanted if any(t == p or t.startswith(f"{p}/") for t in tracked)]
