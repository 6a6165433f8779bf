"""What `jena-etl` prints and how it ends, run in this process: a new one takes longer to start."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from jena_etl import cli


def jena_etl(*arguments: object, cwd: Path | None = None) -> CompletedProcess[str]:
    """Run `jena-etl` with these arguments, in a folder."""
    argv = ["jena-etl", *map(str, arguments)]
    stdout, stderr = StringIO(), StringIO()
    code = called(cli.run, argv, cwd=cwd or Path.cwd(), stdout=stdout, stderr=stderr)
    return CompletedProcess(argv, code, stdout.getvalue(), stderr.getvalue())


def called(
    command: Callable[[], None], argv: list[str], *, cwd: Path, stdout: StringIO, stderr: StringIO
) -> int:
    """Call what a script of these arguments calls; return its exit code."""
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        contextlib.chdir(cwd),
    ):
        patch.setattr("sys.argv", argv)
        try:
            command()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
