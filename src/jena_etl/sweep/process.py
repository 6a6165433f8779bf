"""Runs a stage in a process that ends when whoever started it does, however that ends.

A worker of Ray can be killed at any moment: by the scheduler, for want of memory, with its node. If
the training that it has started went on, it would hold the stage's lock and be in the way of the
worker that takes its place. So the process watches its stdin, a pipe that the operating system
closes with the worker. It watches by itself: Ray kills the children of a worker that ends, so a
process between the two could not.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# As `python -m MODULE`, with nothing of this package imported: a stage imports the code of its own
# project.
WATCHED = """
import os, runpy, signal, sys, threading

def end_with_the_caller():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=end_with_the_caller, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def follow(
    module: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    output: Path,
    each_second: Callable[[], None] = lambda: None,
) -> int:
    """Run `python -m MODULE ARGUMENTS` to its end; return its exit code, negative for a signal.

    The module is looked for in `cwd` first, `environment` holds all of its environment variables,
    and its stdout and stderr are written to the file `output`. `each_second` is called about once a
    second while it runs; if it raises, the process is ended.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        output.open("wb") as file,
        subprocess.Popen(  # noqa: S603  a module of the project's own
            [sys.executable, "-c", WATCHED, module, *arguments],
            cwd=cwd,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        while True:
            try:
                return process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                each_second()
