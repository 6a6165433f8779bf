"""Runs a function in several processes that need one another, and ends all when one fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from jena_etl.errors import JenaEtlError, TrainingError


@dataclass(frozen=True)
class Cluster:
    """Processes that need one another, each with a number, counted from 0.

    Attributes:
        addresses: where the others can reach each of them, as HOST:PORT.
        here: the numbers of those that run on this machine.
    """

    addresses: tuple[str, ...]
    here: tuple[int, ...]


def on_this_machine(count: int) -> Cluster:
    """A cluster of `count` processes that talk to one another over free ports of localhost."""
    with ExitStack() as stack:  # all are open until the last one is found, so that they differ
        sockets = [stack.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("localhost", 0))
        addresses = tuple(f"localhost:{each.getsockname()[1]}" for each in sockets)
    return Cluster(addresses, tuple(range(count)))


def run_together(work: Callable[..., None], cluster: Cluster, *arguments: Any) -> None:
    """Call `work(number, cluster, *arguments)` in a new process for each number that runs here.

    The call returns when the first of them has finished. When one of them fails, the others are
    ended, because they would wait for it for ever; and all end if this process is killed. The first
    one's output is shown, and the errors of all.

    Args:
        work: a function of a module, because a new process has to import it.
        cluster: all processes, and those to start.
        arguments: what else to pass; they are pickled.

    Raises:
        TrainingError: with the message of the JenaEtlError that one of them raised; or one of them
            was killed, or raised another error, whose traceback it has printed.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit TensorFlow's threads
    running: dict[int, tuple[SpawnProcess, Connection]] = {}
    try:
        for number in cluster.here:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(theirs, work, number, cluster, *arguments), daemon=True
            )
            process.start()
            theirs.close()
            running[number] = process, ours
        while cluster.here[0] in running:
            wait([process.sentinel for process, _ in running.values()])
            _remove_finished(running, len(cluster.addresses))
    finally:
        for process, _ in running.values():
            process.kill()  # not terminate: TensorFlow's processes ignore SIGTERM
            process.join()


def _work(
    errors: Connection,
    work: Callable[..., None],
    number: int,
    cluster: Cluster,
    *arguments: Any,
) -> None:
    """What each of the processes does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if number != cluster.here[0]:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  until it ends
    try:
        work(number, cluster, *arguments)
    except JenaEtlError as error:
        errors.send(str(error))
        sys.exit(2)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def _remove_finished(running: dict[int, tuple[SpawnProcess, Connection]], count: int) -> None:
    """Take those off that have finished.

    Raises:
        TrainingError: one of them has failed.
    """
    ended = {
        number: process.exitcode
        for number, (process, _) in running.items()
        if process.exitcode is not None
    }
    # One that was killed comes first: another may have failed only because that one was gone.
    for number, code in sorted(ended.items(), key=lambda item: item[1]):
        process, errors = running.pop(number)
        process.join()
        if not code:
            return
        with suppress(EOFError):  # it had nothing to say
            raise TrainingError(errors.recv())
        how = f"ended with exit code {code}; its error is shown above"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            how += ", as the kernel does when memory runs out"
        raise TrainingError(
            f"process {number} of those that train together, 0 to {count - 1}, {how}. The others "
            "were ended. dvc repro resumes from the last epoch that was finished"
        )
