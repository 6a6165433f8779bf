"""A `python` that starts with the large libraries imported: each command runs in a fork.

TensorFlow takes four seconds to import, Polars and Matplotlib another, and the tests start hundreds
of processes. A server imports these libraries, runs nothing of them, and forks for every command.
A command gets the arguments, the folder, the environment and the open files of whoever called it,
and imports the project's modules itself, so what it does is what a new Python would do. Tests of
which modules are imported, of other Keras backends or of killed processes take a new Python.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.abc import SourceLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import NoReturn

NEW_PYTHON = Path(sys.executable)
IMPORTED = (
    *("h5py", "jinja2", "keras", "matplotlib.backends.backend_svg", "matplotlib.figure", "polars"),
    *("psutil", "pyarrow.parquet", "pydantic", "requests", "ruamel.yaml", "typer"),
)
# Stands for `python`. It starts ten times as often as it says something, so it imports little.
CLIENT = """\
#!{python} -IS
import os, sys
arguments = sys.argv[1:]
known = arguments[:1] in (["-c"], ["-m"]) or "".join(arguments[:1]).endswith(".py")
if not known or os.environ.get("KERAS_BACKEND", "tensorflow") != (
    "tensorflow"
):
    os.execv({python!r}, [{python!r}, *arguments])
import json, socket
request = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    socket.send_fds(server, [len(request).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(request)
    code = int(server.recv(9))
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@cache
def warm_python() -> Path:
    """The `python` to call; its server ends, and with it this file, when the tests have ended."""
    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"warm-python-{owner}"  # all workers' own
    folder.mkdir(mode=0o700, exist_ok=True)
    client = folder / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the worker that came first has started it
        if not client.exists():
            subprocess.run([NEW_PYTHON, __file__, folder, str(owner)], check=True)
            text = CLIENT.format(python=str(NEW_PYTHON), socket=str(folder / "socket"))
            client.write_text(text, encoding="utf-8")
            client.chmod(0o755)
    return client


def main(folder: Path, owner: int) -> None:
    """Start the server and return when it listens."""
    sys.modules["jax"] = None  # type: ignore[assignment]  # TensorFlow would import it
    for name in IMPORTED:
        import_module(name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        server.listen()
        if os.fork() == 0:
            os.setsid()  # so that Ctrl-C in the terminal is pytest's
            _serve(server, owner)
            shutil.rmtree(folder)
            os._exit(0)


def _serve(server: socket.socket, owner: int) -> None:
    children: set[int] = set()
    while _is_alive(owner):
        if select.select([server], [], [], 1)[0]:
            connection, _ = server.accept()
            if child := os.fork():
                children.add(child)
                connection.close()
            else:
                server.close()
                _answer(connection)
        children -= {child for child in children if os.waitpid(child, os.WNOHANG)[0]}


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(connection: socket.socket) -> NoReturn:
    """Run what is asked for in a process of its own, tell its exit code, and end."""
    length, files, *_ = socket.recv_fds(connection, 4, 3)
    request = b""
    while len(request) < int.from_bytes(length, "big"):
        request += connection.recv(1 << 20)
    if child := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(str(code).encode())
        os._exit(0)
    connection.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    arguments, cwd, environment = json.loads(request)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    code = _exit_code(arguments)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)


def _exit_code(arguments: list[str]) -> int:
    """Run a module, a text or a file as `python` does, and return the exit code."""
    try:
        _run(*arguments)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)  # noqa: T201
        return 1
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
        return 1
    return 0


def _run(first: str, *others: str) -> None:
    packages = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    places = {"-m": str(Path.cwd()), "-c": ""}
    sys.path[:1] = [places.get(first, str(Path(first).resolve().parent)), *packages]
    sys.modules.pop("sitecustomize", None)  # the server's, whose sys.path was another
    with suppress(ModuleNotFoundError):
        import_module("sitecustomize")
    if first == "-c":
        _run_as_main("-c", others[1:], compile(others[0], "<string>", "exec"))
    elif first == "-m":
        sys.argv = ["-m", *others[1:]]
        sys.modules["__main__"] = ModuleType("__main__")
        spec = find_spec(others[0])
        if spec and spec.submodule_search_locations:
            spec = find_spec(f"{others[0]}.__main__")
        if not spec or not isinstance(spec.loader, SourceLoader) or not spec.origin:
            sys.exit(f"{sys.executable}: No module named {others[0]}")
        code = spec.loader.get_code(spec.name)
        names = {"__file__": spec.origin, "__package__": spec.parent, "__spec__": spec}
        _run_as_main(spec.origin, others[1:], code, **names)
    else:
        code = compile(Path(first).read_bytes(), first, "exec")
        _run_as_main(first, others, code, __file__=str(Path(first).resolve()))


def _run_as_main(
    name: str, arguments: tuple[str, ...], code: CodeType | None, **attributes: object
) -> None:
    """Run code as the module `__main__`, which it stays: runpy would take it away at the end."""
    assert code is not None
    sys.argv = [name, *arguments]
    sys.modules["__main__"] = module = ModuleType("__main__")
    vars(module).update(attributes)
    exec(code, vars(module))  # noqa: S102


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
