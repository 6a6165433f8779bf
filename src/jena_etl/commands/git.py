"""Questions that the commands ask git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path


def git(root: Path, *arguments: str) -> str | None:
    """The output of a git command run in `root`; None if it fails or git is not installed."""
    try:
        done = subprocess.run(  # noqa: S603  no shell, and paths follow `--`
            ["git", *arguments],  # noqa: S607  the user's own git, as DVC calls it
            cwd=root,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError:
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
