"""DVC's command line, each command in a fresh process, with DVC imported once for all of them.

Importing DVC takes longer than most of its commands. A server process imports it and is forked for
every command, so that a command has the state, the output and the exit code that it has after
`python -m dvc`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

IMPORTED = [
    "dulwich.index",
    "dvc.cli.parser",  # and with it every command
    "dvc.dependency",
    "dvc.render.match",
    "dvc.repo.reproduce",
    "dvc_data.hashfile.transfer",
    "dvc_http",
    "networkx",
    "pygit2",
    "rich.text",
    "ruamel.yaml",
    "scmrepo.git",
    "tabulate",
]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(IMPORTED)


def run(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], output: Path) -> int:
    """Run `dvc` with these arguments; return its exit code. stdout and stderr go to `output`."""
    process = SERVER.Process(target=_main, args=(arguments, cwd, environment, output))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _main(arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], output: Path) -> None:
    from dvc.cli import main

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    sys.argv = ["dvc", *arguments]
    sys.exit(main(arguments))
